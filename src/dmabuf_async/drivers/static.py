"""The static exporter: a carve-out that never moves; get and put do nothing (V4)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from dmabuf_async.drivers.faults import UserMaps
from dmabuf_async.drivers.mapping import DEFECTS as MAPPING_DEFECTS
from dmabuf_async.drivers.mapping import KernelMaps
from dmabuf_async.drivers.setup import fill
from dmabuf_async.drivers.sharing import DEFECTS as SHARING_DEFECTS
from dmabuf_async.drivers.sharing import SharesWithDevices

if TYPE_CHECKING:
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.storage import Buffer

DEFECTS: Final = {
    "frees-on-put": "frees the storage when a user puts it, as if get had allocated it (V4)",
    "kmap-under-lock": "holds its lock while kmap waits for a slot (V11)",
    "kmap-as-atomic": "makes kmap atomic, so that who holds one must not sleep (V10)",
    "atomic-takes-mutex": "kunmap_atomic takes the sleeping lock of the buffer (V12)",
    "cached-mmap": "maps pages into user space cached, and does not zap them when a device begins (P10)",
    "release-forgets-frames": "does not free the storage when the last reference goes (V15)",
    **MAPPING_DEFECTS,
    **SHARING_DEFECTS,
}


class StaticExporter(KernelMaps, UserMaps, SharesWithDevices):
    """Owns memory for good. ``zone``: ``ram`` or ``high``."""

    name = "static"

    def __init__(self, machine: Machine, buffer: Buffer, zone: str, defects: Collection[str] = ()) -> None:
        super().__init__(machine, buffer, defects)
        fill(buffer, machine.zones[zone])

    async def get_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Nothing to do: it is always there."""

    async def put_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Nothing to do."""
        if "frees-on-put" in self.defects:
            await self.lock.lock()
            for page in buffer.pages[first:end]:
                place = await page.look()
                if place is not None:
                    await page.switch(None)
                    await place.zone.release(place)
            await self.lock.unlock()

    async def release(self, buffer: Buffer) -> None:
        """Free everything."""
        if "release-forgets-frames" in self.defects:
            return
        await super().release(buffer)
