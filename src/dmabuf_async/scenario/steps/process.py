"""How user processes map buffers, and how they fork."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.scenario.steps.base import Act, Objects, act, or_error
from dmabuf_async.scenario.verbs import process

if TYPE_CHECKING:
    from dmabuf_async.drivers.importer import Importer
    from dmabuf_async.drivers.process import UserProcess
    from dmabuf_async.machine.storage import Buffer


@act.register
def _(step: process.Mmap, on: Objects) -> Act:
    name, buffer, offset = step.as_, on.buffers[step.buffer], step.offset
    length = length_of(buffer, step)
    write, shared = step.write, step.shared
    return or_error(
        step.on_error,
        lambda importer: process_of(importer).mmap(name, buffer, offset, length, write=write, shared=shared),
    )


@act.register
def _(step: process.Munmap, _on: Objects) -> Act:
    name = step.at
    return lambda importer: process_of(importer).munmap(name)


@act.register
def _(step: process.Mremap, _on: Objects) -> Act:
    name, pages = step.at, step.pages
    return or_error(step.on_error, lambda importer: process_of(importer).mremap(name, pages))


@act.register
def _(step: process.Mprotect, _on: Objects) -> Act:
    name, write = step.at, step.write
    return or_error(step.on_error, lambda importer: process_of(importer).mprotect(name, write=write))


@act.register
def _(step: process.Fork, on: Objects) -> Act:
    child = on.machine.mms[step.task]
    return lambda importer: process_of(importer).fork(child)


def length_of(buffer: Buffer, step: process.Mmap) -> int:
    """The length of the range that ``step`` means, in bytes."""
    return buffer.size - step.offset if step.len is None else step.len


def process_of(importer: Importer) -> UserProcess:
    """The process that performs a step."""
    assert importer.process is not None, "a valid scenario has a process where it says so"
    return importer.process
