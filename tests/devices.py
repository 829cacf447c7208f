"""What tests of devices share: a buffer, a device with its driver, and one task for each coroutine that uses them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeAlias

from dmabuf_async.drivers.device import DeviceDriver, DeviceImporter
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.machine.attachment import Attachment
from dmabuf_async.machine.device import Device
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.storage import Buffer
from tests.harness import Build


class Shared(NamedTuple):
    """What the tasks of a test share."""

    machine: Machine
    buffer: Buffer
    device: Device

    def attachment(self, number: int = 0) -> Attachment:
        """One that a task has made, in the order in which they were first made."""
        return self.device.attachments()[number]


Work: TypeAlias = Callable[[Shared, DeviceImporter], Awaitable[object]]


def sharing(
    *works: Work,
    engines: int = 1,
    revoke: str = "at once",
    exporter: str = "swapping",
    pages: int = 1,
    defects: Sequence[str] = (),
    device_defects: Sequence[str] = (),
    observe: Callable[[Shared], object] | None = None,
) -> Build:
    """A program: each coroutine is a task, on CPU 0 and 1 in turn."""

    def build(machine: Machine) -> object:
        buffer = machine.buffer("fb", pages)
        if exporter == "static":
            StaticExporter(machine, buffer, "ram", defects)
        else:
            SwappingExporter(machine, buffer, "ram", defects)
        driver = DeviceDriver(machine.device("gpu", engines, revoke), device_defects)
        shared = Shared(machine, buffer, driver.device)
        for number, work in enumerate(works):
            machine.task("ab"[number], work, shared, DeviceImporter(), cpu=number % 2)
        driver.serve()
        return None if observe is None else lambda: observe(shared)

    return build


async def attached(shared: Shared, own: DeviceImporter, direction: str = "bidirectional") -> Attachment:
    """Attach and map, as ``m``."""
    await own.attach("m", shared.device, shared.buffer)
    await own.map("m", direction)
    return own.attachments["m"]


async def leave(own: DeviceImporter) -> None:
    """Unmap and detach."""
    await own.unmap("m")
    await own.detach("m")


async def swap_out(shared: Shared, _own: DeviceImporter) -> None:
    """Move the buffer."""
    await shared.buffer.exporter.swap_out()
