"""The address space of a buffer: which VMAs map it, in the order in which a zap walks over them (P3, P9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.mm import Vma
    from dmabuf_async.machine.rwsem import RwSem


class AddressSpace(Thing):
    """``i_mmap``: the VMAs that were registered here, under ``i_mmap_rwsem``."""

    __slots__ = ("rwsem", "vmas")
    STATE = ("vmas",)
    KIND = "i_mmap"

    def __init__(self, machine: Machine, name: str) -> None:
        super().__init__(f"{name}.i_mmap")
        self.vmas: tuple[Vma, ...] = ()
        self.rwsem: RwSem = machine.rwsem(f"{name}.i_mmap_rwsem", "i_mmap_rwsem")

    def after(self, vma: Vma | None) -> NextVma:
        """The walk: the first VMA for None, else the one after ``vma``."""
        return NextVma(self, vma)


class NextVma(Op):
    """One step of the walk over the VMAs of a buffer; the result is the next one, or None at the end."""

    __slots__ = ("last", "thing")
    kind = "next vma"
    thing: AddressSpace

    def __init__(self, space: AddressSpace, last: Vma | None) -> None:
        self.thing = space
        self.last = last

    def apply(self, actor: Actor, outcome: int) -> Vma | None:
        vmas, last = self.thing.vmas, self.last
        at = 0 if last is None else vmas.index(last) + 1 if last in vmas else len(vmas)
        return vmas[at] if at < len(vmas) else None

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        where = "the first vma" if self.last is None else f"the vma after {self.last.name}"
        return f"look for {where} of {self.thing.name}"

    def worded(self, result: Vma | None) -> str:
        return "none" if result is None else result.name
