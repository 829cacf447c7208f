"""How often the tests try what can only be tried often: as their authors say, or so many per cent of it.

What their authors say is what CI can wait for. A full run tries ten times as much: ``DMABUF_ASYNC_EFFORT=1000``, and
``GENERATED=10000`` for programs that are held against brute force. ``.ci/run`` repeats all tests with other CPythons,
and tries less there: what differs between interpreters shows in the first seeds, and the same seeds show the same
everywhere.
"""

from __future__ import annotations

import os

PERCENT = int(os.environ.get("DMABUF_ASYNC_EFFORT", "100"))


def times(whole: int, least: int) -> int:
    """``whole``, or the share of it that is asked for, but not fewer than ``least``."""
    return max(least, whole * PERCENT // 100)
