"""The page to share: one execution as a self-contained HTML file.

`whole` puts it together from `steps` (lanes with arrows, laid out by `rails`), `state` (the machine after each step)
and `rules` (the pages of ``explain``). Markup is made by `markup` alone, which escapes. ``page.css`` and ``page.js``
lie beside; without JavaScript the page shows the state at the finding, and everything else.
"""
