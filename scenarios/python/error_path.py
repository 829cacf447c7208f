"""An importer in Python: what the steps of a scenario file do by themselves when a call fails, it writes down."""

from __future__ import annotations

from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.protocol import rfc2012
from dmabuf_async.scenario.python import scenario

SIZES = Sizes(enomem=1)


async def importer(buffer: Buffer) -> None:
    """Pin a page, read a word of it, unpin it."""
    await rfc2012.get_backing_storage(buffer)
    mapping = await rfc2012.kmap(buffer, 0)
    await mapping.load(0)
    await rfc2012.kunmap(mapping)
    await rfc2012.put_backing_storage(buffer)


async def careful(buffer: Buffer) -> None:
    """The same, once more if there was no memory; get fails before anything is held."""
    try:
        await importer(buffer)
    except KernelError:
        await importer(buffer)


def swapped_out(machine: Machine) -> Buffer:
    """A buffer that its exporter has to swap in first."""
    buffer = machine.buffer("fb")
    SwappingExporter(machine, buffer, "ram", resident=False)
    return buffer


@scenario(title="Nobody handles that there is no memory", sizes=SIZES, findings=["unhandled-exception"])
def error_path(machine: Machine) -> None:
    """get_backing_storage raises KernelError, and the task ends with it (V6)."""
    machine.task("importer", importer, swapped_out(machine))


@scenario(title="When there is no memory the importer tries again", sizes=SIZES)
def error_path_repaired(machine: Machine) -> None:
    """At most one allocation fails, so that the second get succeeds (V6)."""
    machine.task("importer", careful, swapped_out(machine))
