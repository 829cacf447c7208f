"""How an exporter is asked to move its buffer."""

from __future__ import annotations

from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.scenario.steps.base import Act, Objects, act, or_error
from dmabuf_async.scenario.verbs import exporter


@act.register
def _(step: exporter.SwapOut, on: Objects) -> Act:
    driver = swapping(on.buffers[step.buffer])
    return or_error(step.on_error, lambda _: driver.swap_out())


@act.register
def _(step: exporter.Migrate, on: Objects) -> Act:
    driver, to = migrating(on.buffers[step.buffer]), step.to
    if step.by == "daemon":
        op = driver.wanted.store_release(driver.wish(to))
        return lambda _: op
    return or_error(step.on_error, lambda _: driver.migrate(to))


@act.register
def _(step: exporter.Reclaim, on: Objects) -> Act:
    op = swapping(on.buffers[step.buffer]).wanted.store_release(1)
    return lambda _: op


def swapping(buffer: Buffer) -> SwappingExporter:
    """The exporter of ``buffer``, which must be one that swaps."""
    found = buffer.exporter
    assert isinstance(found, SwappingExporter), "a valid scenario moves only what can be moved"
    return found


def migrating(buffer: Buffer) -> MigratingExporter:
    """The exporter of ``buffer``, which must be one that migrates."""
    found = buffer.exporter
    assert isinstance(found, MigratingExporter), "a valid scenario migrates only what can be migrated"
    return found
