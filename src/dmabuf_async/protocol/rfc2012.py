"""Kernel CPU access to a dma_buf, as proposed in 2012 (PROTOCOL 1, rules V1 to V12).

Three pairs of calls on the buffer. Each runs in the caller's task: core code first,
then the exporter's callback, op by op. Errors come out as KernelError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dmabuf_async.machine.kmap import AtomicKmapCall, SleepingKmapCall
from dmabuf_async.machine.ledger import GetCall, GetReturn, PutCall
from dmabuf_async.machine.references import DropReference, TakeReference

if TYPE_CHECKING:
    from dmabuf_async.machine.kmap import Mapping
    from dmabuf_async.machine.storage import Buffer


class Exporter(Protocol):
    """What the core calls. An exporter subclasses nothing; it has these methods.

    ``first`` and ``end`` are page numbers, end exclusive. ``kmap`` and ``kmap_atomic`` fill in the
    mapping that they are given (:class:`~dmabuf_async.machine.kmap.Map`) and cannot fail.
    """

    async def get_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Bring the pages into memory and keep them there; raises KernelError, then nothing is pinned."""

    async def put_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Undo one get of the same range."""

    async def kmap(self, mapping: Mapping) -> None:
        """Map the page; may wait."""

    async def kunmap(self, mapping: Mapping) -> None:
        """Unmap it."""

    async def kmap_atomic(self, mapping: Mapping) -> None:
        """Map the page without sleeping."""

    async def kunmap_atomic(self, mapping: Mapping) -> None:
        """Unmap it without sleeping."""

    async def release(self, buffer: Buffer) -> None:
        """The last reference is gone: free the storage."""


async def get_backing_storage(buffer: Buffer, start: int = 0, length: int | None = None) -> None:
    """Make sure that a range of the buffer, in bytes, is in memory, and stays there until put (V1, V7).

    May block and take any lock (V5). Raises KernelError: EINVAL for a range that is
    not one (V2), ENOMEM and others from the exporter (V6); then nothing is pinned.
    """
    length = buffer.size - start if length is None else length
    await GetCall(buffer, start, length)
    returned = GetReturn(buffer, start, length)
    await buffer.exporter.get_backing_storage(buffer, *returned.pages())
    await returned


async def put_backing_storage(buffer: Buffer, start: int = 0, length: int | None = None) -> None:
    """Give back exactly one earlier get of the same range by this task."""
    length = buffer.size - start if length is None else length
    call = PutCall(buffer, start, length)
    await call
    await buffer.exporter.put_backing_storage(buffer, *call.pages())


async def kmap(buffer: Buffer, page: int) -> Mapping:
    """Map one page into the kernel's address space (V8). Never fails (V11), may wait, may be slept on (V10)."""
    mapping: Mapping = await SleepingKmapCall(buffer, page, atomic=False)
    await buffer.exporter.kmap(mapping)
    return mapping


async def kunmap(mapping: Mapping) -> None:
    """Unmap it; any task that was handed the mapping may."""
    await mapping.buffer.exporter.kunmap(mapping)


async def kmap_atomic(buffer: Buffer, page: int) -> Mapping:
    """The same as :func:`kmap`, but the caller may not sleep until it has unmapped (V12)."""
    mapping: Mapping = await AtomicKmapCall(buffer, page, atomic=True)
    await buffer.exporter.kmap_atomic(mapping)
    return mapping


async def kunmap_atomic(mapping: Mapping) -> None:
    """Unmap it: last mapped first, by the task and on the CPU that mapped."""
    await mapping.buffer.exporter.kunmap_atomic(mapping)


async def dma_buf_get(buffer: Buffer) -> None:
    """Take a reference (V15)."""
    await TakeReference(buffer)


async def dma_buf_put(buffer: Buffer) -> None:
    """Drop a reference; the last one releases the buffer."""
    if await DropReference(buffer):
        await buffer.exporter.release(buffer)
