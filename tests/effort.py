"""How often the tests try what can only be tried often: in full, as their authors say, or so many per cent of it.

``pytest`` alone tries a quarter of that, which is what one can wait for at each change. A full run is
``DMABUF_ASYNC_EFFORT=100``, and 1000 tries ten times as much; ``GENERATED=10000`` makes so many generated programs
where searches are held against brute force. ``.ci/run`` repeats all tests with other CPythons, and tries a tenth
there: what differs between interpreters shows in the first seeds, and the same seeds show the same everywhere.
"""

from __future__ import annotations

import os

PERCENT = int(os.environ.get("DMABUF_ASYNC_EFFORT", "25"))


def times(whole: int, least: int) -> int:
    """``whole``, or the share of it that is asked for, but not fewer than ``least``."""
    return max(least, whole * PERCENT // 100)


def seeds(whole: int, least: int) -> range:
    """Seeds of generated programs: as many as ``GENERATED`` says, else as ``times`` does."""
    return range(int(os.environ.get("GENERATED", times(whole, least))))
