"""The migrating exporter: its buffer lies in RAM or in VRAM, and moves between them as a whole.

As buffer objects of TTM. It moves when it is asked to, on its own account in a task of its own, and out of VRAM when an
allocation of another buffer finds none (P12). Where CPUs do not reach VRAM, get and faults bring it to RAM first.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.drivers.movable import DEFECTS as MOVABLE_DEFECTS
from dmabuf_async.drivers.movable import MovableExporter
from dmabuf_async.drivers.moving import Move
from dmabuf_async.drivers.setup import fill

if TYPE_CHECKING:
    from dmabuf_async.machine.device import Device
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Zone
    from dmabuf_async.machine.storage import Buffer, Page

DEFECTS: Final = {
    **MOVABLE_DEFECTS,
    "out-of-reach": "map_dma_buf leaves the buffer in VRAM for a device that does not reach it (V0)",
    "map-does-not-stall": "moves the buffer for a device that does not reach it though another has it mapped (V0)",
    "get-leaves-in-vram": "get leaves the buffer in VRAM though CPUs do not reach it there (V1)",
}


class MigratingExporter(MovableExporter):
    """Owns one buffer that it migrates between RAM and VRAM, as a whole, unless it is pinned.

    ``zone``: where it starts, ``ram``, ``high`` or ``vram``; from VRAM it goes to lowmem. ``options``: see
    :class:`MovableExporter`.
    """

    name = "migrating"
    service = "migrate"

    def __init__(
        self, machine: Machine, buffer: Buffer, zone: str, defects: Collection[str] = (), **options: Any
    ) -> None:
        super().__init__(machine, buffer, defects, **options)
        self.vram = machine.zones["vram"]
        self.ram = machine.zones["ram" if zone == "vram" else zone]
        fill(buffer, machine.zones[zone])

    async def migrate(self, to: str) -> None:
        """Move the buffer to ``ram`` or ``vram``; EBUSY if it is pinned, ENOMEM if there is no room."""
        await self.move(self.destinations()[self.wish(to) - 1])

    def wish(self, to: str) -> int:
        """What ``wanted`` holds when the service task is to move the buffer to ``ram`` or ``vram``."""
        return 2 if to == "vram" else 1

    def destinations(self) -> tuple[Zone, ...]:
        """RAM, VRAM."""
        return (self.ram, self.vram)

    def shelter(self, zone: Zone) -> Zone | None:
        """RAM."""
        return self.ram if zone is self.vram else None

    async def make_resident(self, device: Device) -> None:
        """Migrate it to RAM for a device that reaches no VRAM; that may stall until all mappings are gone (V0)."""
        if device.vram or "out-of-reach" in self.defects:
            return
        while "map-does-not-stall" not in self.defects and await self.pins.load() and await self._in_vram():
            await self.lock.unlock()
            await self.pins.wait("==", 0)
            await self.enter()
        order = "map-does-not-stall" if "map-does-not-stall" in self.defects else "pull-in"
        await Move(self, self.ram).run(order)

    async def _in_vram(self) -> bool:
        places = [await page.look() for page in self.buffer.pages]
        return any(place is not None and place.zone is self.vram for place in places)

    async def bring_in(self, pages: tuple[Page, ...]) -> None:
        """Migrate it to RAM if CPUs do not reach VRAM; EBUSY if a device keeps it there."""
        if not self.vram.visible and "get-leaves-in-vram" not in self.defects:
            await Move(self, self.ram, pages).run("pull-in")
