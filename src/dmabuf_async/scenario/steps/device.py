"""How a task attaches devices, maps buffers for them, and lets them do DMA."""

from __future__ import annotations

from dmabuf_async.drivers.device import Dma
from dmabuf_async.scenario.steps.base import Act, Objects, act, or_error
from dmabuf_async.scenario.verbs import device


@act.register
def _(step: device.Attach, on: Objects) -> Act:
    name, to, buffer = step.as_, on.devices[step.device], on.buffers[step.buffer]
    return lambda importer: importer.device.attach(name, to, buffer)


@act.register
def _(step: device.Detach, _on: Objects) -> Act:
    name = step.at
    return lambda importer: importer.device.detach(name)


@act.register
def _(step: device.MapDmaBuf, _on: Objects) -> Act:
    name, direction = step.at, step.direction
    return or_error(step.on_error, lambda importer: importer.device.map(name, direction))


@act.register
def _(step: device.UnmapDmaBuf, _on: Objects) -> Act:
    name = step.at
    return lambda importer: importer.device.unmap(name)


@act.register
def _(step: device.DmaRead, on: Objects) -> Act:
    return _start(step, on, write=False)


@act.register
def _(step: device.DmaWrite, on: Objects) -> Act:
    return _start(step, on, write=True)


@act.register
def _(step: device.DmaWait, _on: Objects) -> Act:
    name = step.for_
    return lambda importer: importer.device.wait(name)


def _start(step: device.DmaRead | device.DmaWrite, on: Objects, *, write: bool) -> Act:
    words = tuple(range(on.machine.sizes.words)) if step.word is None else (step.word,)
    name, dma = step.as_, Dma(step.at, step.engine, step.page, words, write)
    return lambda importer: importer.device.start(name, dma)
