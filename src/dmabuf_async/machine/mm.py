"""Address spaces of user processes: ``mm`` with its VMAs over (buffer, page offset), and its page table.

A VMA is a range of virtual addresses that has a name in its process; it is there from the
start, and mmap and munmap decide whether anything is mapped in it. So its PTEs and TLB entries are the same objects
in every execution, and threads of the process mean the same addresses by the name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.paging import Pte
from dmabuf_async.machine.sizes import PAGE_SIZE
from dmabuf_async.ops import EACCES, EINVAL, ENOMEM, FallibleOp, Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cpu import Cpu
    from dmabuf_async.machine.i_mmap import AddressSpace
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.rwsem import RwSem
    from dmabuf_async.machine.storage import Buffer


class Mm(Thing):
    """The address space of one user process. ``mmap_lock`` guards which VMAs are mapped.

    ``cpus``: where its threads run, and so the TLBs that may hold its translations. ``users``: threads that have
    not ended. ``born``: False until the process is forked, None if that will never come. ``forker``: who forks it.
    """

    __slots__ = ("born", "cpus", "forker", "machine", "mmap_lock", "parent", "regions", "users", "vmas")
    STATE = ("vmas", "users", "born")
    KIND = "mm"

    def __init__(self, machine: Machine, name: str, parent: Mm | None = None) -> None:
        super().__init__(name)
        self.machine = machine
        self.parent = parent
        self.vmas: tuple[Vma, ...] = ()
        self.users = 0
        self.born: bool | None = parent is None
        self.forker: Actor | None = None
        self.cpus: tuple[Cpu, ...] = ()
        self.regions: dict[str, Vma] = {}
        self.mmap_lock: RwSem = machine.rwsem(f"{name}.mmap_lock", "mmap_lock")

    def thread(self, cpu: int) -> None:
        """One more task runs in it, on this CPU. Before the run begins."""
        self.users += 1
        found = self.machine.cpus[cpu]
        if found not in self.cpus:
            self.cpus = (*self.cpus, found)

    def region(
        self, name: str, buffer: Buffer, offset: int = 0, length: int | None = None, *, write: bool = True
    ) -> Vma:
        """The range of addresses that is called ``name``, for this part of ``buffer``, in bytes."""
        length = buffer.size - offset if length is None else length
        vma = self.regions.get(name)
        if vma is None:
            vma = self.regions[name] = self.machine.add(Vma(self, name, buffer, offset, length, write=write))
        elif (vma.buffer, vma.offset, vma.length, vma.write) != (buffer, offset, length, write):
            raise ScenarioError(
                f"{self.name} maps two different things as {name!r}: a name stands for one range of addresses, so give "
                "the other mapping a name of its own"
            )
        return vma

    def find(self, name: str) -> Vma:
        """The range that has this name here, or in the process that this one was forked from."""
        vma = self.regions.get(name)
        if vma is None:
            if self.parent is None:
                raise ScenarioError(f"{self.name} maps nothing as {name!r}")
            vma = self.parent.find(name).in_child(self)
        return vma


class Vma(Thing):
    """A range of virtual addresses over (buffer, page offset), and whether anything is mapped in it.

    ``pages``: how many are mapped, 0 if nothing is. ``writable``: stores are permitted.
    ``space``: the address space that it is registered with.
    """

    __slots__ = (
        "buffer", "first", "length", "mm", "offset", "pages", "ptes", "region", "size", "space", "writable", "write",
    )  # fmt: skip
    STATE = ("pages", "writable", "space")
    KIND = "vma"

    def __init__(self, mm: Mm, name: str, buffer: Buffer, offset: int, length: int, *, write: bool) -> None:
        super().__init__(f"{mm.name}.{name}")
        self.mm = mm
        self.region = name
        self.buffer = buffer
        self.offset = offset
        self.length = length
        self.write = write
        self.first = offset // PAGE_SIZE
        self.size = max(0, -(-length // PAGE_SIZE))
        self.pages = 0
        self.writable = False
        self.space: AddressSpace | None = None
        self.ptes: dict[int, Pte] = {}

    def pte(self, index: int) -> Pte:
        """The PTE of a page of the range, numbered from its start."""
        pte = self.ptes.get(index)
        if pte is None:
            pte = self.ptes[index] = self.mm.machine.add(Pte(self, index))
        return pte

    def in_child(self, child: Mm) -> Vma:
        """The same range of a forked process."""
        return child.region(self.region, self.buffer, self.offset, self.length, write=self.write)

    def overlap(self, first: int, end: int) -> range:
        """Its pages, numbered from its start, that lie among the pages [first, end) of the buffer."""
        return range(max(0, first - self.first), min(self.size, end - self.first))


# Calls ------------------------------------------------------------------------------


class MmapCall(FallibleOp):
    """mmap is called: a range that isn't one, or a private mapping, is refused with EINVAL (P11, M15)."""

    __slots__ = ("shared", "thing", "unchecked")
    kind = "mmap"
    parks = sleeps = True
    thing: Vma

    def __init__(self, vma: Vma, *, shared: bool, unchecked: bool) -> None:
        self.thing = vma
        self.shared = shared
        self.unchecked = unchecked

    def apply(self, actor: Actor, outcome: int) -> Any:
        vma = self.thing
        good = self.shared and vma.offset >= 0 and vma.length > 0 and not vma.offset % PAGE_SIZE
        inside = vma.first + vma.size <= len(vma.buffer.pages)
        return None if good and (inside or self.unchecked) and not vma.pages else EINVAL

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        vma = self.thing
        whole = (vma.offset, vma.length) == (0, vma.buffer.size)
        part = "" if whole else f", {vma.offset}, {vma.length}"
        return f"mmap({vma.buffer.name}{part}) as {vma.name}"


class LinkVma(Op):
    """Map the range, and register it in an address space: last in walk order; or as a forked process does.

    ``beside``: the VMA of the parent, which it is like, and is linked right after, or ``before``. The result is how
    many pages it has.
    """

    __slots__ = ("before", "beside", "space", "thing")
    kind = "link vma"
    thing: Vma

    def __init__(self, vma: Vma, space: AddressSpace, beside: Vma | None = None, *, before: bool = False) -> None:
        self.thing = vma
        self.space = space
        self.beside = beside
        self.before = before

    def apply(self, actor: Actor, outcome: int) -> int:
        vma, space, beside = self.thing, self.space, self.beside
        has = len(vma.buffer.pages)
        if vma.first + vma.size > has and vma.mm.parent is None:
            detail = f"maps {vma.size} pages of {vma.buffer.name} from page {vma.first} on, which has {has}"
            vma.mm.machine.marks.add("bad-range", actor, vma.buffer, detail)
        vma.pages = vma.size if beside is None else beside.pages
        vma.writable = vma.write if beside is None else beside.writable
        vma.space = space
        vma.mm.vmas = (*vma.mm.vmas, vma)
        if beside is None or beside not in space.vmas:
            space.vmas = (*space.vmas, vma)
        else:
            at = space.vmas.index(beside) + (not self.before)
            space.vmas = (*space.vmas[:at], vma, *space.vmas[at:])
        return vma.pages

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return () if self.beside is None else (self.beside,)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.thing.mm, self.space)

    def describe(self) -> str:
        return f"link vma {self.thing.name}"


class MunmapCall(Op):
    """munmap is called; the result is how many pages are mapped in the range."""

    __slots__ = ("thing",)
    kind = "munmap"
    parks = sleeps = True
    thing: Vma

    def __init__(self, vma: Vma) -> None:
        self.thing = vma

    def apply(self, actor: Actor, outcome: int) -> int:
        return self.thing.pages

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)


class UnlinkVma(Op):
    """Nothing is mapped in the range any more, and no walk finds it."""

    __slots__ = ("thing",)
    kind = "unlink vma"
    thing: Vma

    def __init__(self, vma: Vma) -> None:
        self.thing = vma

    def apply(self, actor: Actor, outcome: int) -> None:
        vma = self.thing
        if vma.space is not None:
            vma.space.vmas = tuple(other for other in vma.space.vmas if other is not vma)
        vma.mm.vmas = tuple(other for other in vma.mm.vmas if other is not vma)
        vma.pages, vma.writable, vma.space = 0, False, None

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        vma = self.thing
        return (vma, vma.mm) if vma.space is None else (vma, vma.mm, vma.space)


class MremapCall(FallibleOp):
    """mremap is called: a VMA over a buffer doesn't grow (P11, M15). The result is how many pages it had."""

    __slots__ = ("pages", "thing", "unchecked")
    kind = "mremap"
    parks = sleeps = True
    thing: Vma

    def __init__(self, vma: Vma, pages: int, *, unchecked: bool) -> None:
        self.thing = vma
        self.pages = pages
        self.unchecked = unchecked

    def apply(self, actor: Actor, outcome: int) -> Any:
        vma = self.thing
        if self.pages < 1 or not vma.pages or (self.pages > vma.pages and not self.unchecked):
            return EINVAL
        had, vma.pages = vma.pages, self.pages
        if self.pages > had:
            detail = f"grows {vma.name}, a mapping of {vma.buffer.name}, from {had} to {self.pages} pages"
            vma.mm.machine.marks.add("bad-range", actor, vma.buffer, detail)
        return had

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"mremap {self.thing.name} to {self.pages} page{'s' * (self.pages != 1)}"


class MprotectCall(FallibleOp):
    """mprotect is called: stores are permitted from here on, or forbidden.

    The result is how many pages are mapped whose PTEs have to follow, 0 if nothing is taken from them. What was
    mapped for reading only stays so: EACCES. Nothing is mapped: ENOMEM, as in Linux.
    """

    __slots__ = ("thing", "write")
    kind = "mprotect"
    parks = sleeps = True
    thing: Vma

    def __init__(self, vma: Vma, *, write: bool) -> None:
        self.thing = vma
        self.write = write

    def apply(self, actor: Actor, outcome: int) -> Any:
        vma = self.thing
        if not vma.pages:
            return ENOMEM
        if self.write and not vma.write:
            return EACCES
        had, vma.writable = vma.writable, self.write
        return vma.pages if had and not self.write else 0

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"mprotect {self.thing.name}, {'write' if self.write else 'read'}"


class FaultCall(Op):
    """A page fault: finds the VMA. The result is the page of the buffer, by number, or the signal that it ends in."""

    __slots__ = ("index", "thing", "write")
    kind = "fault"
    parks = sleeps = True
    thing: Vma

    def __init__(self, vma: Vma, index: int, *, write: bool) -> None:
        self.thing = vma
        self.index = index
        self.write = write

    def apply(self, actor: Actor, outcome: int) -> int | str:
        vma = self.thing
        if self.index >= vma.pages or (self.write and not vma.writable):
            return "SIGSEGV"
        vma.buffer.used_by(actor)
        return vma.first + self.index

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.thing.buffer.life)

    def describe(self) -> str:
        return f"{'write' if self.write else 'read'} fault at {self.thing.name}[{self.index}]"
