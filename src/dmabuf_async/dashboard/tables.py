"""What leads to the pages of a buffer: page tables, and the TLBs and IOTLBs that hold copies of their entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dmabuf_async.machine.snapshot import AttachmentView, BufferView, LeadView, Snapshot, VmaView


@dataclass(frozen=True, slots=True)
class Table:
    """The entries of one page table, TLB or IOTLB that lead, or led, to pages of one buffer."""

    kind: str
    """``pte``, ``tlb``, ``iopte`` or ``iotlb``."""
    whose: str
    """``display.m``, ``cpu1``, ``gpu``, ``engine0``: of the address space or device before it."""
    may: str
    """Of the page table of an address space: ``rw``, ``r``, or ``gone``: it is not mapped any more."""
    entries: dict[int, LeadView]
    """By page of the buffer."""
    pages: range
    """Pages of which it could hold something, as they are mapped."""

    @property
    def stale(self) -> bool:
        """Whether it leads to where a page no longer is."""
        return any(entry.stale for entry in self.entries.values())


def tables(snapshot: Snapshot, buffer: BufferView) -> list[Table]:
    """Those of each address space, then of each device: a page table, and after it what holds copies of its entries."""
    found: list[Table] = []
    for vma in snapshot.vmas:
        if vma.buffer == buffer.name:
            found += _of_vma(vma)
    for device in snapshot.devices:
        for one in device.attachments:
            if one.buffer == buffer.name:
                found += _of_device(device.name, one, len(buffer.pages))
    return found


def _of_vma(vma: VmaView) -> Iterator[Table]:
    may = "gone" if not vma.mapped else "rw" if vma.writable else "r"
    pages = range(vma.first, vma.first + vma.pages)
    yield Table("pte", f"{vma.process}.{vma.name}", may, _by_page(vma.ptes, vma.first), pages)
    for number, entries in vma.tlbs:
        yield Table("tlb", f"cpu{number}", "", _by_page(entries, vma.first), pages)


def _of_device(name: str, one: AttachmentView, pages: int) -> Iterator[Table]:
    several = len(one.iotlbs) > 1
    mapped = range(pages if one.direction else 0)
    if one.direction or one.ioptes or any(one.iotlbs):
        yield Table("iopte", name, "", _by_page(one.ioptes, 0), mapped)
    for number, entries in enumerate(one.iotlbs):
        if entries:
            yield Table("iotlb", f"engine{number}" if several else "", "", _by_page(entries, 0), mapped)


def _by_page(entries: Sequence[LeadView], first: int) -> dict[int, LeadView]:
    return {first + entry.page: entry for entry in entries}
