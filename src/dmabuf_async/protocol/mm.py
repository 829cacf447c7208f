"""What user processes ask of the core: mmap, munmap, mprotect, fork, faults; and the shootdown (PROTOCOL 2, P1 to P11).

Each call runs in the caller's task, op by op, with the locks that the kernel takes. ``DEFECTS`` are
deliberate mistakes of these calls; they belong to the machine (``Machine.defects``), as it has one kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from dmabuf_async.errors import KernelError, Killed, Signalled
from dmabuf_async.machine.i_mmap import NextVma
from dmabuf_async.machine.mm import (
    FaultCall,
    LinkVma,
    MmapCall,
    MprotectCall,
    MremapCall,
    MunmapCall,
    UnlinkVma,
)
from dmabuf_async.machine.paging import ClearPte, CopyPte, InsertPte, LookDirty, WriteProtect
from dmabuf_async.machine.process import Bear, ExitMm, NextRegion
from dmabuf_async.machine.references import TakeReference
from dmabuf_async.machine.tlb import FAULT, KILLED, WALKED, Flush, FlushOwn, UserLoad, UserStore
from dmabuf_async.protocol.rfc2012 import dma_buf_put

if TYPE_CHECKING:
    from dmabuf_async.machine.i_mmap import AddressSpace
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.mm import Mm, Vma
    from dmabuf_async.machine.storage import Buffer, Page
    from dmabuf_async.machine.tlb import Ranges, UserAccess
    from dmabuf_async.ops import Settle

DEFECTS: Final = {
    "no-tlb-flush": "a zap clears PTEs and flushes no TLB (P1)",
    "vma-registered-elsewhere": "mmap registers the VMA with another address space than the buffer's (P3)",
    "munmap-unlinks-before-flush": "munmap clears its PTEs, unlinks its VMA, and flushes then (P4)",
    "munmap-never-flushes": "munmap clears its PTEs and leaves the TLBs as they are (P1, P4)",
    "dirty-bit-lost": "a zap reads the dirty bit first, and clears the PTE in another op (P5)",
    "mprotect-loses-dirty": "mprotect reads a PTE and writes it back in another op, its dirty bit too (P5)",
    "flush-before-clear": "a zap flushes the TLBs first and clears the PTEs then (P1)",
    "flush-own-cpu-only": "a zap flushes the TLB of its own CPU only (P6)",
    "flush-one-cpu": "a zap flushes the first of the CPUs that may hold the translation (P6)",
    "fork-links-late": "fork copies the PTEs first and links the child's VMA then (P9)",
    "fork-links-before-parent": "fork links the child's VMA before the parent's in walk order (P9)",
    "zap-skips-child": "a zap leaves out the VMAs of forked processes (P9)",
    "mmap-unchecked": "mmap does not check the range against the size of the buffer (P11)",
    "vma-grows": "mremap lets a VMA grow (P11)",
    "mmap-without-reference": "mmap takes no reference for the VMA (V15)",
    "exit-keeps-mappings": "the exit of a process leaves its VMAs and their references behind (V15)",
}


class UserMapping(Protocol):
    """What the core calls of an exporter that lets user space map its buffer; one that doesn't lacks these."""

    async def mmap(self, vma: Vma) -> None:
        """Allow it, or raise KernelError."""

    async def unmapping(self, vma: Vma) -> None:
        """It is about to be unmapped: from here on a zap may find its PTEs and their dirty bits gone (P5)."""

    async def fault(self, fault: Fault) -> str:
        """Insert the PTE, under the buffer's lock. Called with mmap_lock held for read (P2, P8).

        Returns ``"done"``; ``"sigbus"``; or ``"retry"``, which means that it has called
        :meth:`Fault.drop_mmap_lock` and waited for whatever kept it from going on.
        """
        ...


class Fault:
    """One page fault, for the exporter's handler.

    ``index``: the page of the buffer, by number; ``page`` is None if the buffer has no such page (P11). ``write``:
    a store faulted.
    """

    def __init__(self, vma: Vma, index: int, *, write: bool) -> None:
        self.vma = vma
        self.buffer: Buffer = vma.buffer
        self.index = index
        self.page: Page | None = self.buffer.pages[index] if index < len(self.buffer.pages) else None
        self.write = write

    def insert(self, place: Place, *, writable: bool, cached: bool = False) -> InsertPte:
        """The op that makes the PTE lead to ``place``. In the hold of the lock in which it was looked for (P2).

        Who maps it ``cached`` on a machine that is not coherent has to zap it when the buffer leaves the CPU (P10).
        """
        return InsertPte(self.vma.pte(self.index - self.vma.first), place, writable=writable, cached=cached)

    async def drop_mmap_lock(self) -> None:
        """Give mmap_lock back, before a wait; the handler then has to return ``"retry"`` (P8).

        The VMA may go from here on, so the fault takes a reference of its own (V15), which the core drops.
        """
        await TakeReference(self.buffer)
        await self.vma.mm.mmap_lock.up_read()


# Mappings -----------------------------------------------------------------------------


async def mmap(vma: Vma, *, shared: bool = True) -> None:
    """Map the range. Raises KernelError: EINVAL for a range that isn't one, or a private mapping (P11, M15)."""
    mm, buffer = vma.mm, vma.buffer
    machine = mm.machine
    await mm.mmap_lock.down_write()
    try:
        await MmapCall(vma, shared=shared, unchecked="mmap-unchecked" in machine.defects)
        if counted := "mmap-without-reference" not in machine.defects:
            await TakeReference(buffer)
        try:
            await _allow(vma)
        except KernelError:
            if counted:
                await dma_buf_put(buffer)
            raise
        space = _space(vma)
        await space.rwsem.down_write()
        await LinkVma(vma, space)
        await space.rwsem.up_write()
    finally:
        await mm.mmap_lock.up_write()


async def _allow(vma: Vma) -> None:
    """Ask the exporter, which lets nobody map its buffer if it has no such callback."""
    allow = getattr(vma.buffer.exporter, "mmap", None)
    if allow is None:
        raise KernelError("EINVAL")
    await allow(vma)


async def munmap(vma: Vma) -> None:
    """Unmap the whole range: clear its PTEs, flush, and only then unlink the VMA (P4). Nothing mapped: nothing done.

    What the dirty bits say is discarded, as for a PFN mapping in Linux; the exporter has been told before (P5).
    """
    mm, buffer = vma.mm, vma.buffer
    defects = mm.machine.defects
    await mm.mmap_lock.down_write()
    pages = await MunmapCall(vma)
    if not pages:
        await mm.mmap_lock.up_write()
        return
    await buffer.exporter.unmapping(vma)
    for index in range(pages):
        await ClearPte(vma.pte(index))
    ranges = ((vma, 0, pages),)
    if "munmap-unlinks-before-flush" in defects:
        await _unlink(vma)
        await flush_tlbs(mm.machine, ranges)
    elif "munmap-never-flushes" in defects:
        await _unlink(vma)
    else:
        await flush_tlbs(mm.machine, ranges)
        await _unlink(vma)
    await mm.mmap_lock.up_write()
    if "mmap-without-reference" not in defects:
        await dma_buf_put(buffer)


async def _unlink(vma: Vma) -> None:
    rwsem = _space(vma).rwsem
    await rwsem.down_write()
    await UnlinkVma(vma)
    await rwsem.up_write()


def _space(vma: Vma) -> AddressSpace:
    machine = vma.mm.machine
    return machine.address_space("anon_inode" if "vma-registered-elsewhere" in machine.defects else vma.buffer.name)


async def flush_tlbs(machine: Machine, ranges: Ranges, *, zap: bool = False) -> None:
    """The second half of a zap: one op for each CPU that may hold one of these translations."""
    numbers = sorted({cpu.number for vma, _, _ in ranges for cpu in vma.mm.cpus})
    if zap and "flush-one-cpu" in machine.defects:
        numbers = numbers[:1]
    own = zap and "flush-own-cpu-only" in machine.defects
    for number in numbers:
        cpu = machine.cpus[number]
        await (FlushOwn(cpu, ranges) if own else Flush(cpu, ranges))


async def mremap(vma: Vma, pages: int) -> None:
    """Change the length of a mapping, in pages. One over a buffer doesn't grow: EINVAL (P11, M15)."""
    mm = vma.mm
    await mm.mmap_lock.down_write()
    try:
        had = await MremapCall(vma, pages, unchecked="vma-grows" in mm.machine.defects)
        if had > pages:
            await vma.buffer.exporter.unmapping(vma)
            for index in range(pages, had):
                await ClearPte(vma.pte(index))
            await flush_tlbs(mm.machine, ((vma, pages, had),))
    finally:
        await mm.mmap_lock.up_write()


async def mprotect(vma: Vma, *, write: bool) -> None:
    """Permit or forbid stores to a mapping. Raises KernelError: EACCES if it was mapped for reading only; ENOMEM.

    PTEs lose their permission one op each, and then the TLBs are flushed, as a CPU may store through its old entry
    until then; the dirty bits stay where they are (P5). What is permitted, PTEs get with the next fault.
    """
    mm = vma.mm
    await mm.mmap_lock.down_write()
    try:
        pages = await MprotectCall(vma, write=write)
        for index in range(pages):
            pte = vma.pte(index)
            lost = await LookDirty(pte) if "mprotect-loses-dirty" in mm.machine.defects else None
            await WriteProtect(pte, dirty=lost)
        if pages:
            await flush_tlbs(mm.machine, ((vma, 0, pages),))
    finally:
        await mm.mmap_lock.up_write()


async def fork(mm: Mm, child: Mm) -> None:
    """Fork a process: its VMAs are linked after their parents' in walk order, and then the PTEs copied (P9)."""
    defects = mm.machine.defects
    await mm.mmap_lock.down_write()
    vma: Vma | None = await NextRegion(mm)
    while vma is not None:
        await TakeReference(vma.buffer)
        copy = vma.in_child(child)
        if "fork-links-late" in defects:
            await _copy_ptes(vma, copy)
            await _link_child(vma, copy)
        else:
            await _link_child(vma, copy)
            await _copy_ptes(vma, copy)
        vma = await NextRegion(mm, vma)
    await mm.mmap_lock.up_write()
    await Bear(child, born=True)


async def _link_child(vma: Vma, copy: Vma) -> None:
    space = _space(vma)
    before = "fork-links-before-parent" in vma.mm.machine.defects
    await space.rwsem.down_write()
    await LinkVma(copy, space, vma, before=before)
    await space.rwsem.up_write()


async def _copy_ptes(vma: Vma, copy: Vma) -> None:
    for index in range(vma.size):
        await CopyPte(vma.pte(index), copy.pte(index))


async def exit_mm(mm: Mm) -> None:
    """A thread has ended; the last one of the process unmaps what is left."""
    if not await ExitMm(mm) or "exit-keeps-mappings" in mm.machine.defects:
        return
    while True:
        vma: Vma | None = await NextRegion(mm)
        if vma is None:
            return
        await munmap(vma)


# Accesses -----------------------------------------------------------------------------


async def load(vma: Vma, index: int, word: int, again: Settle | None = None) -> bool:
    """A user-mode load from a page of the range; whether it read the newest version.

    ``again``: what the task settles with whenever the access is tried again, since how often it was matters to nobody.
    Raises Signalled for an access that ends in SIGBUS or SIGSEGV, Killed if the process was killed meanwhile.
    """
    return await _access(UserLoad(vma.pte(index), word), again)


async def store(vma: Vma, index: int, word: int, again: Settle | None = None) -> None:
    """A user-mode store, likewise."""
    await _access(UserStore(vma.pte(index), word), again)


async def _access(op: UserAccess, again: Settle | None) -> bool:
    """TLB, walk, fault, retry (DESIGN 4)."""
    while True:
        result: bool | str | None = await op
        if result == FAULT:
            await _fault(op.thing.vma, op.thing.index, write=op.stores)
        elif result == KILLED:
            raise Killed
        elif result != WALKED:
            return bool(result)
        if again is not None:
            del result
            await again


async def _fault(vma: Vma, index: int, *, write: bool) -> None:
    """A page fault: the exporter's handler, under mmap_lock for read. The access is tried again after it."""
    lock = vma.mm.mmap_lock
    await lock.down_read()
    found: int | str = await FaultCall(vma, index, write=write)
    if isinstance(found, str):
        await lock.up_read()
        raise Signalled(found)
    result = await vma.buffer.exporter.fault(Fault(vma, found, write=write))
    if result == "retry":
        await dma_buf_put(vma.buffer)
        return
    await lock.up_read()
    if result == "sigbus":
        raise Signalled("SIGBUS")


# Shootdown ----------------------------------------------------------------------------


async def unmap_mapping_range(buffer: Buffer, first: int = 0, end: int | None = None) -> tuple[int, ...]:
    """Zap: no user mapping of the pages [first, end) of the buffer is left, and no TLB holds one (P1).

    Walks the VMAs that are registered with the buffer, in order, clears the PTEs, one op each, and then flushes each
    CPU that may hold a translation, one op each; returns when all have answered. The result: the pages that were
    dirty, by number. The caller keeps faults from inserting PTEs again, by the buffer's lock (P2).
    """
    machine = buffer.machine
    if not machine.mms:
        return ()  # there is no user process on this machine
    space = machine.address_space(buffer.name)
    await space.rwsem.down_read()
    try:
        dirty, ranges = await clear_ptes(buffer, first, end)
        if machine.defects.isdisjoint({"no-tlb-flush", "flush-before-clear"}):
            await flush_tlbs(machine, ranges, zap=True)
    finally:  # cancelled, maybe
        await space.rwsem.up_read()
    return tuple(sorted(dirty))


async def clear_ptes(buffer: Buffer, first: int = 0, end: int | None = None) -> tuple[frozenset[int], Ranges]:
    """The first half of a zap, under i_mmap_rwsem: the pages that were dirty, and what is to be flushed."""
    machine = buffer.machine
    end = len(buffer.pages) if end is None else end
    defects = machine.defects
    space = machine.address_space(buffer.name)
    dirty: set[int] = set()
    ranges: list[tuple[Vma, int, int]] = []
    vma: Vma | None = await NextVma(space, None)
    while vma is not None:
        child = vma.mm.parent is not None
        pages = range(0) if child and "zap-skips-child" in defects else vma.overlap(first, end)
        if "flush-before-clear" in defects:
            await flush_tlbs(machine, ((vma, pages.start, pages.stop),))
        for index in pages:
            pte = vma.pte(index)
            if "dirty-bit-lost" in defects:
                was = await LookDirty(pte)
                await ClearPte(pte)
            else:
                was = await ClearPte(pte)
            if was:
                dirty.add(vma.first + index)
        if pages:
            ranges.append((vma, pages.start, pages.stop))
        vma = await NextVma(space, vma)
    return frozenset(dirty), tuple(ranges)
