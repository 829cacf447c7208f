"""The importer: all that one task holds of buffers, by the way in which it gets at them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.device import DeviceImporter

if TYPE_CHECKING:
    from dmabuf_async.machine.machine import Machine


class Importer:
    """``cpu``: as kernel code, by kernel mappings. ``device``: through devices, by DMA."""

    def __init__(self, machine: Machine, defects: Collection[str] = ()) -> None:
        self.cpu = CpuImporter(machine, defects)
        self.device = DeviceImporter()
        self.defects = self.cpu.defects

    def holds(self) -> tuple[object, ...]:
        """All that this task remembers, as plain data: what it settles with."""
        return (self.cpu.holds(), self.device.holds())

    async def unwind(self) -> None:
        """Give back whatever is held: after an error, or on the exit of a user process."""
        await self.device.unwind()
        await self.cpu.unwind()
