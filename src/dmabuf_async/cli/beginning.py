"""``scenario new``: a scenario to begin with."""

from __future__ import annotations

from typing import Final

TEMPLATE: Final = """\
# A scenario: buffers, tasks with steps, and what is expected. Sizes that are left out are small.
#   dmabuf-async check FILE     explores all executions
#   dmabuf-async watch FILE     shows one of them, live
# docs/scenario-files.md has all keys, and so has 'dmabuf-async scenario schema', for editors.

title = "An importer writes to a buffer while its exporter tries to swap it out"

[buffers.fb]
pages = 1
exporter = "swapping"        # or "static", "migrating"
# defects = ["ignore-pins"]  # a deliberate mistake: see what breaks

[[tasks]]
name = "importer"
steps = [
  { do = "get_backing_storage", buffer = "fb" },
  { do = "kmap", buffer = "fb", as = "m" },
  { do = "store", at = "m" },
  { do = "kunmap", at = "m" },
  { do = "put_backing_storage", buffer = "fb" },
]

[[tasks]]
name = "evictor"
cpu = 1
steps = [{ do = "swap_out", buffer = "fb" }]

[environment]
enomem = 1                   # at most one allocation fails in an execution

[expect]
findings = []                # codes of what is to be found; empty: nothing may be
sometimes = ["evictor reaches swap_out", "importer reaches put_backing_storage"]
always = ["fb.pins <= 1"]
"""
"""It is as expected as it stands, and not if the defect is let in."""
