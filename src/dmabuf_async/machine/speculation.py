"""Speculation: TLB entries that a CPU fills though nobody accesses the page (PROTOCOL 4, Granularity).

Page tables are the hardware's to read at any time. Whoever takes a translation out of them must flush
after that: what is flushed while the PTE is there may come back at once (P1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from dmabuf_async.machine.tlb import entry_of
from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.mm import Mm
    from dmabuf_async.machine.sizes import Sizes
    from dmabuf_async.machine.tlb import TlbEntry


class Speculation(Thing):
    """How many TLB entries CPUs may still fill on their own account in this execution."""

    __slots__ = ("fills",)
    STATE = ("fills",)
    KIND = "speculation"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__("speculation")
        self.fills = sizes.tlb_fills

    def candidates(self, mms: Iterable[Mm]) -> Iterator[TlbEntry]:
        """The entries that may be filled now: empty ones of present PTEs, on the CPUs that run the process."""
        if not self.fills:
            return
        for mm in mms:
            if _loaded(mm):
                for vma in mm.regions.values():
                    for pte in vma.ptes.values():
                        if pte.place is not None:
                            entries = [entry_of(pte, cpu) for cpu in mm.cpus]
                            yield from (entry for entry in entries if entry.place is None)


def _loaded(mm: Mm) -> bool:
    """Whether a CPU can have its page tables: that of a child has them once it has been forked."""
    return mm.parent is None or bool(mm.born)


class SpeculativeFill(Op):
    """A TLB entry is filled from a valid PTE. The PTE stays as it is: only a store sets its dirty bit."""

    __slots__ = ("speculation", "thing")
    kind = "speculative fill"
    structural = True  # the core repeats it, as all that the environment does
    thing: TlbEntry

    def __init__(self, speculation: Speculation, entry: TlbEntry) -> None:
        self.thing = entry
        self.speculation = speculation

    def enabled(self, actor: Actor) -> bool:
        entry = self.thing
        pte = entry.pte
        return self.speculation.fills > 0 and entry.place is None and pte.place is not None and _loaded(pte.vma.mm)

    def apply(self, actor: Actor, outcome: int) -> None:
        self.speculation.fills -= 1
        self.thing.fill()

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        pte = self.thing.pte
        mm = pte.vma.mm
        return (pte,) if mm.parent is None else (pte, mm)  # which is there from the start, or once it has been forked

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.speculation, *self.thing.filled())

    def describe(self) -> str:
        entry = self.thing
        return f"fill tlb of {entry.cpu.name} from the pte of {entry.pte.name}"
