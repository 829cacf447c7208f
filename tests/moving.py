"""A small exporter that moves its buffer to other frames of the same zone, when asked: unmap, copy, switch, free."""

from __future__ import annotations

from collections.abc import Collection

from dmabuf_async.drivers.faults import UserMaps
from dmabuf_async.drivers.mapping import KernelMaps
from dmabuf_async.drivers.setup import fill
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.memory import Place, Zone
from dmabuf_async.machine.storage import Buffer, Page
from dmabuf_async.protocol.mm import Fault, unmap_mapping_range


class MovingExporter(KernelMaps, UserMaps):
    """``defects``: ``no-shootdown``, ``zap-late``, ``unlocked-fault``, ``retries`` (which is none)."""

    name = "moving"

    def __init__(self, machine: Machine, buffer: Buffer, zone: str = "ram", defects: Collection[str] = ()) -> None:
        super().__init__(machine, buffer, defects)
        self.zone: Zone = machine.zones[zone]
        fill(buffer, self.zone)

    async def get_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Nobody pins it in these tests."""

    async def put_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """The same."""

    async def move(self) -> tuple[int, ...]:
        """Move every page; the result: which were dirty."""
        dirty: tuple[int, ...] = ()
        await self.lock.lock()
        if not {"no-shootdown", "zap-late"} & self.defects:
            dirty = await unmap_mapping_range(self.buffer)
        moves: list[tuple[Page, Place, Place]] = []
        try:
            for page in self.buffer.pages:
                old = await page.look()
                if old is not None:
                    moves.append((page, old, await self.zone.alloc(page)))
        except KernelError:
            for _, _, new in moves:
                await self.zone.release(new)
            await self.lock.unlock()
            raise
        for page, old, new in moves:
            for word in range(len(page.words)):
                await page.copy(word, old, new)
        if "zap-late" in self.defects:
            dirty = await unmap_mapping_range(self.buffer)
        for page, old, new in moves:
            await page.switch(new)
            await self.zone.release(old)
        await self.lock.unlock()
        return dirty

    async def fault(self, fault: Fault) -> str:
        if "unlocked-fault" in self.defects and fault.page is not None:
            place = await fault.page.look()
            if place is None:
                return "sigbus"
            await fault.insert(place, writable=fault.write)
            return "done"
        if "retries" in self.defects and not await self.lock.try_lock():
            await fault.drop_mmap_lock()
            await self.lock.lock()
            await self.lock.unlock()
            return "retry"
        if "retries" in self.defects:
            await self.lock.unlock()
        return await super().fault(fault)
