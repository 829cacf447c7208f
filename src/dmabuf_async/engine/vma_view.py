"""What can be seen of the address space of a process: what it has mapped, and where PTEs and TLB entries lead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dmabuf_async.machine.snapshot import LeadView, VmaView

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dmabuf_async.machine.cpu import Cpu
    from dmabuf_async.machine.mm import Mm, Vma
    from dmabuf_async.machine.paging import Entry


def vma_views(mm: Mm) -> Iterator[VmaView]:
    """What a process has mapped, in that order, as plain data; then what is not mapped, and still leads somewhere."""
    for vma in mm.vmas:
        yield _vma(vma)
    for vma in sorted(mm.regions.values(), key=lambda vma: vma.name):
        if vma not in mm.vmas:
            view = _vma(vma)
            if view.ptes or view.tlbs:
                yield view


def _vma(vma: Vma) -> VmaView:
    ptes = [vma.ptes[index] for index in sorted(vma.ptes)]  # looking makes none
    cpus: Iterable[Cpu] = sorted({cpu for pte in ptes for cpu in pte.entries}, key=lambda cpu: cpu.number)
    tlbs = ((cpu.number, _leads((pte.index, pte.entries[cpu]) for pte in ptes if cpu in pte.entries)) for cpu in cpus)
    return VmaView(
        process=vma.mm.name,
        name=vma.region,
        part=vma.buffer.part(vma.first, vma.first + (vma.pages or vma.size)),
        mapped=vma.pages > 0,
        writable=vma.writable,
        ptes=_leads((pte.index, pte) for pte in ptes),
        tlbs=tuple((number, leads) for number, leads in tlbs if leads),
        buffer=vma.buffer.name,
        first=vma.first,
        pages=vma.pages,
    )


def _leads(entries: Iterable[tuple[int, Entry]]) -> tuple[LeadView, ...]:
    return tuple(
        LeadView(index, entry.place.name, entry.writable, stale=entry.stale(), dirty=entry.dirty)
        for index, entry in entries
        if entry.place is not None
    )
