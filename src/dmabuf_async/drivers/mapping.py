"""What exporters have in common: one mapping at a time, and freeing everything at the end."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from dmabuf_async.machine.cache import Clean, Flush, Invalidate
from dmabuf_async.machine.kmap import Map, MapAtomic, Unmap, UnmapAtomic
from dmabuf_async.protocol.coherency import upkeep

if TYPE_CHECKING:
    from dmabuf_async.machine.kmap import Mapping
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.storage import Buffer

DEFECTS: Final = {
    "no-flush": "kunmap does not clean the page (V8)",
    "no-invalidate": "kmap neither cleans nor invalidates the page (V8)",
    "invalidate-without-clean": "kmap invalidates the page and does not clean it before (V8)",
}
"""Of every exporter."""


class KernelMaps:
    """The kmap callbacks. A pinned page does not move, so they need no lock."""

    def __init__(self, machine: Machine, buffer: Buffer, defects: Collection[str]) -> None:
        self.machine = machine
        self.buffer = buffer
        self.defects = frozenset(defects)
        buffer.lock = self.lock = machine.mutex(f"{buffer.name}.lock", "dma_resv")
        buffer.exporter = self

    async def kmap(self, mapping: Mapping) -> None:
        """Map the page where it is. Holds no lock while it waits for a slot (V11)."""
        if "kmap-under-lock" in self.defects:
            await self.lock.lock()
            await Map(mapping, await self._look(mapping))
            await self._arrive(mapping)
            await self.lock.unlock()
        elif "kmap-as-atomic" in self.defects:
            await self.kmap_atomic(mapping)
        else:
            await Map(mapping, await self._look(mapping))
            await self._arrive(mapping)

    async def kunmap(self, mapping: Mapping) -> None:
        """Unmap it."""
        if "kmap-under-lock" in self.defects:  # who locks in kmap locks in kunmap
            await self.lock.lock()
            await self._depart(mapping)
            await Unmap(mapping)
            await self.lock.unlock()
        elif "kmap-as-atomic" in self.defects:
            await self.kunmap_atomic(mapping)
        else:
            await self._depart(mapping)
            await Unmap(mapping)

    async def kmap_atomic(self, mapping: Mapping) -> None:
        """Map the page where it is, in a slot of this CPU."""
        place = await self._look(mapping)
        await MapAtomic(mapping, place)
        await self._arrive(mapping)

    async def kunmap_atomic(self, mapping: Mapping) -> None:
        """Unmap it."""
        await self._depart(mapping)
        if "atomic-takes-mutex" in self.defects:
            await self.lock.lock()
            await UnmapAtomic(mapping)
            await self.lock.unlock()
        else:
            await UnmapAtomic(mapping)

    async def release(self, buffer: Buffer) -> None:
        """The last reference is gone: free every page, wherever it is."""
        for page in buffer.pages:
            place = await page.look()
            if place is not None:
                await page.switch(None)
                await place.zone.release(place)

    async def _arrive(self, mapping: Mapping) -> None:
        """The CPU is about to use the page: what the cache has of it is written back and forgotten (V8)."""
        if self.machine.sizes.coherent or "no-invalidate" in self.defects:
            return
        await upkeep(self.machine, Invalidate if "invalidate-without-clean" in self.defects else Flush, mapping)

    async def _depart(self, mapping: Mapping) -> None:
        """The CPU has used the page: what it wrote goes to memory (V8)."""
        if self.machine.sizes.coherent or "no-flush" in self.defects:
            return
        await upkeep(self.machine, Clean, mapping)

    async def _look(self, mapping: Mapping) -> Place | None:
        return None if mapping.page is None else await mapping.page.look()
