"""How often each class came, in room that doesn't grow with the number of executions."""

from __future__ import annotations

from typing import Final, NamedTuple

ROOM: Final = 1 << 16
"""Classes that are counted, some 150 bytes each."""


class Counts(NamedTuple):
    """What was counted, as estimators want it; no whole numbers if only some of the classes were kept."""

    n: int
    """Executions."""
    seen: float
    """Classes that came."""
    once: float
    twice: float
    """Those of them that came one time, and two times."""
    recent: float
    """Those that came for the first time among the last 1,000 executions."""
    later: int
    fresh: float
    """The executions of the second half, and those of them whose class had not come in the first half."""


class Tally:
    """Counts classes by their hashes: all of them while there is room, then a half, a quarter, ... of them.

    Adaptive sampling (Flajolet, Computing 43, 1990): a class is kept if the low bits of its hash are zero, and when
    there is no more room one more bit is asked for. Which are kept is no matter of when or how
    often they come, so that what holds of them holds, multiplied, of all.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._mask = 0
        self._n = 0
        self._kept: dict[int, list[int]] = {}  # how often it came, and in which execution first, from 1

    def note(self, hashed: int) -> None:
        """One more execution has been made, of this class."""
        self._n += 1
        if hashed & self._mask:
            return
        known = self._kept.get(hashed)
        if known is not None:
            known[0] += 1
            return
        self._kept[hashed] = [1, self._n]
        while len(self._kept) > self._room:
            self._mask = 2 * self._mask + 1
            self._kept = {one: known for one, known in self._kept.items() if not one & self._mask}

    @property
    def exact(self) -> bool:
        """Whether every class was kept."""
        return not self._mask

    def counts(self) -> Counts:
        """All that was counted so far."""
        n, scale = self._n, self._mask + 1
        half = n // 2
        once = twice = recent = fresh = 0
        for count, first in self._kept.values():
            once += count == 1
            twice += count == 2
            recent += first > n - 1000
            fresh += count if first > half else 0
        return Counts(n, scale * len(self._kept), scale * once, scale * twice, scale * recent, n - half, scale * fresh)
