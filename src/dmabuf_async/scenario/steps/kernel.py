"""How kernel code calls the protocol, and goes through its mappings."""

from __future__ import annotations

from collections.abc import Awaitable

from dmabuf_async.drivers.importer import Importer
from dmabuf_async.machine.kmap import Mapping
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.scenario.steps.base import Act, Objects, act, or_error
from dmabuf_async.scenario.steps.process import process_of
from dmabuf_async.scenario.verbs import kernel


@act.register
def _(step: kernel.GetBackingStorage, on: Objects) -> Act:
    buffer, start = on.buffers[step.buffer], step.start
    length = length_of(buffer, step)
    return or_error(step.on_error, lambda importer: importer.cpu.get(buffer, start, length))


@act.register
def _(step: kernel.PutBackingStorage, on: Objects) -> Act:
    buffer, start = on.buffers[step.buffer], step.start
    length = length_of(buffer, step)
    return lambda importer: importer.cpu.put(buffer, start, length)


@act.register
def _(step: kernel.Kmap, on: Objects) -> Act:
    name, buffer, page = step.as_, on.buffers[step.buffer], step.page
    return lambda importer: importer.cpu.kmap(name, buffer, page)


@act.register
def _(step: kernel.Kunmap, _on: Objects) -> Act:
    name = step.at
    return lambda importer: importer.cpu.kunmap(name)


@act.register
def _(step: kernel.KmapAtomic, on: Objects) -> Act:
    name, buffer, page = step.as_, on.buffers[step.buffer], step.page
    return lambda importer: importer.cpu.kmap_atomic(name, buffer, page)


@act.register
def _(step: kernel.KunmapAtomic, _on: Objects) -> Act:
    name = step.at
    return lambda importer: importer.cpu.kunmap_atomic(name)


@act.register
def _(step: kernel.Load, _on: Objects) -> Act:
    name, page, word = step.at, step.page, step.word

    def begin(importer: Importer) -> Awaitable[object]:
        mapping = mapping_of(importer, name)
        return process_of(importer).load(name, page, word) if mapping is None else mapping.load(word)

    return begin


@act.register
def _(step: kernel.Store, _on: Objects) -> Act:
    name, page, word = step.at, step.page, step.word

    def begin(importer: Importer) -> Awaitable[object]:
        mapping = mapping_of(importer, name)
        return process_of(importer).store(name, page, word) if mapping is None else mapping.store(word)

    return begin


@act.register
def _(step: kernel.Memcpy, _on: Objects) -> Act:
    source, target = step.from_, step.to
    return lambda importer: importer.cpu.copy(source, target)


@act.register
def _(step: kernel.DmaBufGet, on: Objects) -> Act:
    buffer = on.buffers[step.buffer]
    return lambda importer: importer.cpu.take(buffer)


@act.register
def _(step: kernel.DmaBufPut, on: Objects) -> Act:
    buffer = on.buffers[step.buffer]
    return lambda importer: importer.cpu.drop(buffer)


def length_of(buffer: Buffer, step: kernel.GetBackingStorage | kernel.PutBackingStorage) -> int:
    """The length of the range that ``step`` means, in bytes."""
    return buffer.size - step.start if step.len is None else step.len


def mapping_of(importer: Importer, name: str) -> Mapping | None:
    """The kernel mapping that a step means; None if it means what the process has mapped."""
    return importer.cpu.mappings.get(name)
