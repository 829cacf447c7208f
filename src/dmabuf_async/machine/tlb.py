"""TLBs: entries that stay usable until they are flushed on their CPU; user accesses, and the flush of one CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from dmabuf_async.machine import access
from dmabuf_async.machine.paging import Entry
from dmabuf_async.ops import Op

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cpu import Cpu
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.mm import Vma
    from dmabuf_async.machine.paging import Pte
    from dmabuf_async.thing import Thing

WALKED: Final = "tlb filled"
"""Of a user access: no usable TLB entry, so the page table was walked, and one was filled. Try again."""
FAULT: Final = "fault"
"""Of a user access: no usable TLB entry, and no PTE that permits the access either."""
KILLED: Final = "killed"
"""Of a user access: the process was killed, so it makes no more."""


class TlbEntry(Entry):
    """What the TLB of one CPU holds for one virtual page of one mm."""

    __slots__ = ("cpu", "pte")
    KIND = "tlb"
    CODE = "stale-tlb"

    def __init__(self, cpu: Cpu, pte: Pte) -> None:
        super().__init__(f"{cpu.name}.{pte.name}")
        self.cpu = cpu
        self.pte = pte

    def fill(self) -> None:
        """Take over what the PTE, which is present, says."""
        pte = self.pte
        assert pte.place is not None
        self.follow(pte.place, pte.page, writable=pte.writable, dirty=pte.dirty, cached=pte.cached)

    def filled(self) -> tuple[Thing, ...]:
        """What :meth:`fill` writes."""
        place = self.pte.place
        return self.touched() if place is None or place is self.place else (*self.touched(), place.rmap)


def entry_of(pte: Pte, cpu: Cpu) -> TlbEntry:
    """The TLB entry of ``cpu`` for the page of ``pte``; the same object in all executions."""
    entry = pte.entries.get(cpu)
    if entry is None:
        entry = pte.entries[cpu] = pte.vma.mm.machine.add(TlbEntry(cpu, pte))
    return entry


class UserAccess(Op):
    """A user-mode access to one word, past the cache: by the TLB entry if it permits it, else a walk of the page table.

    A hit accesses the word; its result is what the access says. A walk fills the TLB entry, and a store sets
    the dirty bit in the PTE in the same op; the result is then :data:`WALKED`, or :data:`FAULT`. A store that finds
    the dirty bit clear in its TLB entry walks again.
    """

    __slots__ = ("thing", "word")
    stores: ClassVar[bool]
    parks = sleeps = True
    thing: Pte

    def __init__(self, pte: Pte, word: int) -> None:
        self.thing = pte
        self.word = word

    def hits(self, entry: TlbEntry) -> bool:
        """Whether the TLB entry is good for this access."""
        return entry.place is not None and (not self.stores or (entry.writable and entry.dirty))

    def touches(self, entry: TlbEntry, place: Place) -> access.Touched:
        """What a hit touches of the frame, and of the cache."""
        touches = access.store_touches if self.stores else access.load_touches
        return touches(place, self.word, cached=entry.cached)

    def apply(self, actor: Actor, outcome: int) -> bool | str | None:
        if actor.killed:
            return KILLED
        pte = self.thing
        assert actor.cpu is not None
        entry = entry_of(pte, actor.cpu)
        place = entry.place
        if place is not None and self.hits(entry):
            if self.stores:
                access.store(actor, place, self.word, cached=entry.cached)
                return None
            return access.load(actor, place, self.word, cached=entry.cached)
        if pte.place is None or (self.stores and not pte.writable):
            return FAULT
        if self.stores and not pte.dirty:
            pte.dirty = True
        entry.fill()
        return WALKED

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        pte = self.thing
        assert actor.cpu is not None
        entry = entry_of(pte, actor.cpu)
        place = entry.place
        if place is None or not self.hits(entry):
            return (actor, pte, entry)
        page = () if entry.page is None else (entry.page,)
        reads = self.touches(entry, place).reads
        if entry.stale():  # is judged: by which translation it got there
            return (actor, entry, *page, pte, *reads)
        return (actor, entry, *page, *reads)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        pte = self.thing
        assert actor.cpu is not None
        entry = entry_of(pte, actor.cpu)
        place = entry.place
        if place is not None and self.hits(entry):
            return self.touches(entry, place).writes
        if pte.place is None or (self.stores and not pte.writable):
            return ()
        filled = entry.filled()
        return (pte, *filled) if self.stores and not pte.dirty else filled

    def describe(self) -> str:
        return f"{self.kind} word {self.word} of {self.thing.name}"

    def worded(self, result: Any) -> str:
        return access.told(result) if isinstance(result, bool) else super().worded(result).strip("'")


class UserLoad(UserAccess):
    """A user-mode load; a hit says whether what was read is the newest version."""

    __slots__ = ()
    kind = "load"
    stores = False


class UserStore(UserAccess):
    """A user-mode store."""

    __slots__ = ()
    kind = "store"
    stores = True


Ranges = tuple[tuple["Vma", int, int], ...]
"""Pages of VMAs: (vma, first, end), numbered from the start of the VMA, end exclusive."""


class Flush(Op):
    """The flush of the TLB of one CPU, done on its behalf by the flusher, its own CPU included.

    It drops the entries of these ranges. A CPU with interrupts off answers later: until then the flusher waits.
    What the CPU did before it answered comes before all that the flusher does from then on.
    """

    __slots__ = ("ranges", "thing")
    kind = "flush"
    conditional = parks = True
    owed = "whose interrupts {} keeps off"
    thing: Cpu

    def __init__(self, cpu: Cpu, ranges: Ranges) -> None:
        self.thing = cpu
        self.ranges = ranges

    def enabled(self, actor: Actor) -> bool:
        return not self.thing.irqs_off or actor.cpu is self.thing

    def entries(self) -> Iterator[TlbEntry]:
        """The entries of that CPU for these ranges, whether they lead anywhere or not."""
        for vma, first, end in self.ranges:
            for index in range(first, end):
                yield entry_of(vma.pte(index), self.thing)

    def apply(self, actor: Actor, outcome: int) -> None:
        for entry in self.entries():
            entry.cut()
        self.thing.answer(actor)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        touched: dict[Thing, None] = {self.thing: None}
        for entry in self.entries():
            touched |= dict.fromkeys(entry.touched())  # two entries may lead to one frame
        return tuple(touched)

    def describe(self) -> str:
        return f"flush tlb of {self.thing.name}"

    def blockers(self, actor: Actor) -> tuple[Actor, ...]:
        return self.thing.deaf()


class FlushOwn(Flush):
    """The same, done by one who flushes only the CPU that it runs on: on the others nothing happens (a defect)."""

    __slots__ = ()

    def enabled(self, actor: Actor) -> bool:
        return True

    def apply(self, actor: Actor, outcome: int) -> None:
        if actor.cpu is self.thing:
            super().apply(actor, outcome)
