"""From a scenario file to a program: buffers with their exporters, tasks with their steps.

What a step does is looked up when the machine is furnished, so that performing it costs little more than its call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import singledispatch
from typing import Any, NamedTuple, TypeAlias

from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError, Killed
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.ops import settle
from dmabuf_async.scenario import schema
from dmabuf_async.scenario.program import Program
from dmabuf_async.tasks import UserMode

ZONES: Mapping[str, str] = {"lowmem": "ram", "highmem": "high"}
"""What the machine calls the zones of a scenario."""

Act: TypeAlias = Callable[[CpuImporter], Awaitable[Any]]
"""Begins a step of a task, which holds what its importer holds."""


class Objects(NamedTuple):
    """What the steps of a scenario name, on one machine."""

    machine: Machine
    buffers: Mapping[str, Buffer]
    cells: Mapping[str, Cell]
    mutexes: Mapping[str, Mutex]


def program(scenario: schema.Scenario, name: str) -> Program:
    """The program that a valid scenario describes."""
    size, may = scenario.machine, scenario.environment
    return Program(
        name=name,
        title=scenario.title,
        story=scenario.story,
        build=lambda machine: furnish(machine, scenario),
        digest=schema.digest(scenario),
        sizes=Sizes(
            cpus=size.cpus, ram=size.ram, highmem=size.highmem, swap=size.swap, kmap_slots=size.kmap_slots,
            words=size.words, enomem=may.enomem, eintr=may.eintr, kills=may.kills,
        ),
        findings=tuple(scenario.expect.findings),
        sometimes=tuple(scenario.expect.sometimes),
        reusable=True,
    )  # fmt: skip


def furnish(machine: Machine, scenario: schema.Scenario) -> None:
    """Make everything that the scenario, which must be valid, names on a new machine."""
    objects = Objects(
        machine,
        buffers={name: _buffer(machine, name, spec, scenario) for name, spec in scenario.buffers.items()},
        cells={name: machine.cell(name, value) for name, value in scenario.cells.items()},
        mutexes={name: machine.mutex(name) for name in scenario.mutexes},
    )
    for task in scenario.tasks:
        steps = [(f"step {number} {verb_of(step)}", act(step, objects)) for number, step in enumerate(task.steps, 1)]
        machine.task(task.name, perform, machine, task, steps, cpu=task.cpu, user=task.kind == "user")
    reclaimed = {step.buffer for task in scenario.tasks for step in task.steps if isinstance(step, schema.Reclaim)}
    for name in sorted(reclaimed):
        _swapping(objects.buffers[name]).serve()


def verb_of(step: schema.Verb) -> str:
    """What a step does, in one word."""
    return str(step.__struct_config__.tag)


def _buffer(machine: Machine, name: str, spec: schema.BufferSpec, scenario: schema.Scenario) -> Buffer:
    buffer = machine.buffer(name, spec.pages)
    zone = ZONES[spec.zone_on(scenario.machine)]
    if spec.exporter == "static":
        StaticExporter(machine, buffer, zone, spec.defects)
    else:
        SwappingExporter(machine, buffer, zone, spec.defects, resident=spec.resident)
    return buffer


def _swapping(buffer: Buffer) -> SwappingExporter:
    exporter = buffer.exporter
    assert isinstance(exporter, SwappingExporter), "a valid scenario moves only what can be moved"
    return exporter


# Tasks -------------------------------------------------------------------------


async def perform(machine: Machine, task: schema.TaskSpec, steps: Sequence[tuple[str, Act]]) -> None:
    """The life of a task: its steps, and then its way out.

    A user process cleans up when it exits, however it ends; kernel code gives everything back only on its error path.
    """
    importer = CpuImporter(machine, task.defects)
    user = task.kind == "user"
    try:
        await (user_steps if user else kernel_steps)(importer, task.repeat, steps)
    except KernelError:
        way = "error path"
    except Killed:
        way = "exit path after kill"
    else:
        if not user and "late-kunmap" not in importer.defects:
            return
        way = "exit path" if user else "end"
    # The steps' frame has gone: whichever of them failed, what is held says all.
    await settle((way, importer.holds()), way)
    await importer.unwind()


async def kernel_steps(importer: CpuImporter, repeat: int, steps: Sequence[tuple[str, Act]]) -> None:
    """The steps of a kernel task, over and over."""
    for turn in range(repeat):
        for index, (site, begin) in enumerate(steps):
            await settle((turn, index, importer.holds()), site)
            await begin(importer)


async def user_steps(importer: CpuImporter, repeat: int, steps: Sequence[tuple[str, Act]]) -> None:
    """The same for a user process, which comes back to user mode between two of them."""
    for turn in range(repeat):
        for index, (site, begin) in enumerate(steps):
            await settle((turn, index, importer.holds()), site)
            await UserMode()  # where a kill takes effect
            await begin(importer)


# Steps -------------------------------------------------------------------------


@singledispatch
def act(step: schema.Verb, on: Objects) -> Act:
    """How a task performs ``step`` with the objects it names."""
    raise NotImplementedError(f"no task can perform {verb_of(step)}")


@act.register
def _(step: schema.GetBackingStorage, on: Objects) -> Act:
    buffer, start = on.buffers[step.buffer], step.start
    length = _length(buffer, step)
    return _or_error(step.on_error, lambda importer: importer.get(buffer, start, length))


@act.register
def _(step: schema.PutBackingStorage, on: Objects) -> Act:
    buffer, start = on.buffers[step.buffer], step.start
    length = _length(buffer, step)
    return lambda importer: importer.put(buffer, start, length)


@act.register
def _(step: schema.Kmap, on: Objects) -> Act:
    name, buffer, page = step.as_, on.buffers[step.buffer], step.page
    return lambda importer: importer.kmap(name, buffer, page)


@act.register
def _(step: schema.Kunmap, _on: Objects) -> Act:
    name = step.at
    return lambda importer: importer.kunmap(name)


@act.register
def _(step: schema.KmapAtomic, on: Objects) -> Act:
    name, buffer, page = step.as_, on.buffers[step.buffer], step.page
    return lambda importer: importer.kmap_atomic(name, buffer, page)


@act.register
def _(step: schema.KunmapAtomic, _on: Objects) -> Act:
    name = step.at
    return lambda importer: importer.kunmap_atomic(name)


@act.register
def _(step: schema.Load, _on: Objects) -> Act:
    name, word = step.at, step.word
    return lambda importer: importer.mappings[name].load(word)


@act.register
def _(step: schema.Store, _on: Objects) -> Act:
    name, word = step.at, step.word
    return lambda importer: importer.mappings[name].store(word)


@act.register
def _(step: schema.Memcpy, _on: Objects) -> Act:
    source, target = step.from_, step.to
    return lambda importer: importer.copy(source, target)


@act.register
def _(step: schema.Lock, on: Objects) -> Act:
    op = on.mutexes[step.mutex].lock()
    return lambda _: op


@act.register
def _(step: schema.Unlock, on: Objects) -> Act:
    op = on.mutexes[step.mutex].unlock()
    return lambda _: op


@act.register
def _(step: schema.Set, on: Objects) -> Act:
    op = on.cells[step.cell].store(step.value)
    return lambda _: op


@act.register
def _(step: schema.Wait, on: Objects) -> Act:
    op = on.cells[step.cell].wait(step.is_, step.value, interruptible=step.interruptible)
    return _or_error(step.on_error, lambda _: op)


@act.register
def _(step: schema.Sleep, on: Objects) -> Act:
    clock, ticks = on.machine.clock, step.ticks
    return lambda _: clock.sleep(ticks)


@act.register
def _(step: schema.DmaBufGet, on: Objects) -> Act:
    buffer = on.buffers[step.buffer]
    return lambda importer: importer.take(buffer)


@act.register
def _(step: schema.DmaBufPut, on: Objects) -> Act:
    buffer = on.buffers[step.buffer]
    return lambda importer: importer.drop(buffer)


@act.register
def _(step: schema.SwapOut, on: Objects) -> Act:
    exporter = _swapping(on.buffers[step.buffer])
    return _or_error(step.on_error, lambda _: exporter.swap_out())


@act.register
def _(step: schema.Reclaim, on: Objects) -> Act:
    op = _swapping(on.buffers[step.buffer]).wanted.store(1)
    return lambda _: op


def _or_error(on_error: schema.OnError, begin: Act) -> Act:
    """The same step, which fails or goes on as ``on_error`` says."""

    async def ignoring(importer: CpuImporter) -> None:
        with suppress(KernelError):
            await begin(importer)

    return ignoring if on_error == "ignore" else begin


def _length(buffer: Buffer, step: schema.GetBackingStorage | schema.PutBackingStorage) -> int:
    return buffer.size - step.start if step.len is None else step.len
