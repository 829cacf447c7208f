"""Translations: whatever leads to a page frame, and for each frame the set of those that lead to it.

PTEs and TLB entries of CPUs and of devices are translations. Who installs or removes one writes
the frame's reverse map; who switches, frees or reuses the frame reads it, and is judged by it
(PROTOCOL 4, "Moments of the translation codes").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.memory import Place


class Translation(Thing):
    """One entry of a page table or TLB: it leads to ``place``, or nowhere."""

    __slots__ = ("place", "writable")
    STATE: ClassVar[tuple[str, ...]] = ("place", "writable")
    CODE: ClassVar[str]
    """What it is when it leads to a frame that is no longer its page's: ``stale-pte``, ``stale-tlb`` ..."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.place: Place | None = None
        self.writable = False
        self.initial = self.state()

    def lead(self, place: Place, *, writable: bool) -> None:
        """From now on it leads to ``place``. Writes the entry and the reverse map of the frame."""
        self.cut()
        self.place, self.writable = place, writable
        place.rmap.entries |= {(self, writable)}

    def cut(self) -> None:
        """It leads nowhere. Writes the entry and the reverse map of the frame that it led to."""
        if self.place is not None:
            self.place.rmap.entries -= {(self, self.writable)}
            self.place, self.writable = None, False

    def touched(self) -> tuple[Thing, ...]:
        """What :meth:`cut` writes."""
        return (self,) if self.place is None else (self, self.place.rmap)


class Rmap(Thing):
    """The translations that lead to one frame, each with whether it permits writing.

    ``moving``: where its page is being moved to: a word was copied there, and the storage not been switched since.
    """

    __slots__ = ("entries", "moving")
    STATE = ("entries", "moving")
    KIND = "rmap"

    def __init__(self, place: str) -> None:
        super().__init__(f"mappings of {place}")
        self.entries: frozenset[tuple[Translation, bool]] = frozenset()
        self.moving: Place | None = None
