"""Data races: accesses of a shared variable that nothing orders (PROTOCOL 4, data-race)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.checkers.base import Checker, Found

if TYPE_CHECKING:
    from dmabuf_async.machine.marks import Mark


class DataRace(Checker):
    """Two accesses of a cell, one of them a store, one of them plain, and neither comes before the other.

    As KCSAN, which takes a plain access beside a marked one for a race too. Told at the second of them.
    """

    __slots__ = ()
    codes = ("data-race",)

    def marked(self, mark: Mark) -> Found | None:
        return Found("data-race", "P7", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))
