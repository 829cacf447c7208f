"""The importer: all that one task holds of buffers, by the way in which it gets at them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.device import DeviceImporter

if TYPE_CHECKING:
    from dmabuf_async.drivers.process import UserProcess
    from dmabuf_async.machine.machine import Machine


class Importer:
    """``cpu``: as kernel code, by kernel mappings. ``device``: through devices, by DMA.

    ``process``: as a user process, by mmap; None if it is none.
    """

    def __init__(self, machine: Machine, defects: Collection[str] = (), process: UserProcess | None = None) -> None:
        self.cpu = CpuImporter(machine, defects)
        self.device = DeviceImporter()
        self.process = process
        self.defects = self.cpu.defects

    def holds(self) -> tuple[object, ...]:
        """All that this task remembers, as plain data: what it settles with."""
        held = (*self.cpu.holds(), *self.device.holds())
        return held if self.process is None else (*held, *self.process.holds())

    async def unwind(self) -> None:
        """Give back whatever is held: after an error, or on the exit of a user process."""
        await self.device.unwind()
        await self.cpu.unwind()
        if self.process is not None:
            await self.process.unwind()
