"""``scenario new``: a scenario to begin with."""

from __future__ import annotations

from typing import Final

TEMPLATE: Final = """\
# A scenario: buffers, tasks with steps, and what is expected. To look at it:
#   dmabuf-async check FILE     explores all executions
#   dmabuf-async watch FILE     shows one of them, live
# All keys are in docs/scenario-files.md; for an editor that completes them:
#   dmabuf-async scenario schema

title = "An importer writes to a buffer that may be swapped out"

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
findings = []                # codes that are to be found; empty: none may be
sometimes = ["evictor reaches swap_out"]
always = ["fb.pins <= 1"]
"""
"""It is as expected as it stands, and not if the defect is let in."""
