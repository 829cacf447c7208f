"""The site: ``sphinx-build -W --keep-going -b html docs build/docs``. It fetches nothing, and loads no fonts."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # docs.generated is found there

from dmabuf_async import __version__

project = "dmabuf_async"
author = "dmabuf_async contributors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "docs.generated.extension"]
exclude_patterns = ["_static"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
toc_object_entries = False

html_theme = "furo"
html_title = "dmabuf_async"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
