"""The lanes as a grid with arrows: a column an actor, a row a step, and a gutter between columns where arrows run.

In each row one actor has a step, so that an arrow meets nothing if it goes sideways in the row of its first step, down
in the gutter beside its second actor, and in. Rows may have any height: pieces of arrows are placed as steps are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmabuf_async.trace.orders import Arrow


@dataclass(frozen=True, slots=True)
class Bend:
    """Where one arrow runs."""

    arrow: Arrow
    source: int
    target: int
    """Columns, from 0."""
    slot: int
    """Its place in the gutter, from 0: no two share one where they run side by side."""

    @property
    def gutter(self) -> int:
        """Where it goes down: gutter ``n`` is left of column ``n``."""
        return self.target if self.target > self.source else self.target + 1


def bends(arrows: Sequence[Arrow], columns: Sequence[int]) -> list[Bend]:
    """Lay out the arrows; ``columns``: of each step, from 0, its column."""
    found = []
    taken: dict[int, list[int]] = {}  # by gutter: of each slot, up to which row it is in use
    for arrow in sorted(arrows, key=lambda one: (one.first, one.second)):
        source, target = columns[arrow.first - 1], columns[arrow.second - 1]
        slots = taken.setdefault(target if target > source else target + 1, [])
        slot = next((at for at, until in enumerate(slots) if until <= arrow.first), len(slots))
        slots[slot:] = [arrow.second, *slots[slot + 1 :]]
        found.append(Bend(arrow, source, target, slot))
    return found
