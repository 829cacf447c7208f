"""The swapping exporter: its buffer may be in memory or in swap, and moves as a whole.

As GEM objects on shmem: get and faults swap in, eviction shoots down what user space has mapped and swaps the whole
object out. Everything shared lies under the buffer's lock. What reclaim is asked for is done by a task of its own; an
allocation that finds no memory swaps other buffers out by itself (P12).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.drivers.movable import DEFECTS as MOVABLE_DEFECTS
from dmabuf_async.drivers.movable import MovableExporter
from dmabuf_async.drivers.moving import Move
from dmabuf_async.drivers.setup import fill

if TYPE_CHECKING:
    from dmabuf_async.machine.device import Device
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Zone
    from dmabuf_async.machine.mm import Vma
    from dmabuf_async.machine.storage import Buffer, Page

DEFECTS: Final = {
    **{name: text for name, text in MOVABLE_DEFECTS.items() if name != "leak-source"},
    "leak-slot": "swap-in does not free the swap slot (V6)",
    "dirty-discarded": "drops the content of pages that were written only through user mappings (P5)",
}


class SwappingExporter(MovableExporter):
    """Owns one buffer that it swaps out, when asked to, as a whole, unless it is pinned.

    ``zone``: where frames come from, ``ram`` or ``high``. ``resident``: whether the buffer
    starts in memory, or in swap. ``populated``: False starts it nowhere; a page is filled with zeros when somebody
    first needs it, and is not written to swap as long as it is clean. ``options``: see :class:`MovableExporter`.
    """

    name = "swapping"
    service = "reclaim"

    def __init__(
        self,
        machine: Machine,
        buffer: Buffer,
        zone: str,
        defects: Collection[str] = (),
        *,
        resident: bool = True,
        populated: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(machine, buffer, defects, **options)
        self.zone = machine.zones[zone]
        self.swap = machine.zones["swap"]
        self.fills = not populated
        self.clean = machine.cell(f"{buffer.name}.clean", 0) if self.fills else None
        if populated:
            fill(buffer, self.zone if resident else self.swap)

    async def swap_out(self) -> None:
        """Swap the whole buffer out; EBUSY if it is pinned, ENOSPC if swap is full."""
        await self.move(self.swap)

    def destinations(self) -> tuple[Zone, ...]:
        """Swap."""
        return (self.swap,)

    def shelter(self, zone: Zone) -> Zone | None:
        """Swap."""
        return self.swap if zone is self.zone else None

    async def make_resident(self, device: Device) -> None:
        """Swap in; a device writes without anybody noticing, so all of it counts as dirty."""
        await super().make_resident(device)
        await self.written(range(len(self.buffer.pages)))

    async def bring_in(self, pages: tuple[Page, ...]) -> None:
        """Swap in what is not in memory."""
        move = Move(self, self.zone, pages)
        await move.run("leak-slot" if "leak-slot" in self.defects else "swap-in")
        if self.clean is not None:
            filled = sum(1 << page.index for page, source, _ in move.moving if source is None)
            if filled:
                await self.clean.store(await self.clean.load() | filled)

    async def clean_pages(self) -> int:
        """Those that were filled and not written: swap need not keep them."""
        return 0 if self.clean is None else await self.clean.load()

    async def written(self, pages: Iterable[int]) -> None:
        """Swap has to keep these from now on."""
        mask = sum(1 << page for page in pages)
        if self.clean is not None and mask:
            await self.clean.store(await self.clean.load() & ~mask)

    async def dirtied(self, pages: Iterable[int]) -> None:
        """The same, by what the dirty bits said."""
        if "dirty-discarded" not in self.defects:
            await self.written(pages)

    async def unmapping(self, vma: Vma) -> None:
        """The dirty bits are about to go: what is mapped counts as dirty (P5)."""
        if self.clean is not None:
            await self.enter()
            await self.dirtied(range(vma.first, vma.first + vma.size))
            await self.lock.unlock()
