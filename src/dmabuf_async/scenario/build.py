"""From a scenario file to a program: buffers with their exporters, tasks with their steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError, Killed, ScenarioError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.ops import settle
from dmabuf_async.scenario import schema
from dmabuf_async.scenario.program import Program
from dmabuf_async.tasks import UserMode

ZONES: Mapping[str, str] = {"lowmem": "ram", "highmem": "high"}


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
    """Make everything that the scenario names on a new machine."""
    buffers = {name: _buffer(machine, name, spec, scenario) for name, spec in scenario.buffers.items()}
    for name, value in scenario.cells.items():
        machine.cell(name, value)
    for name in scenario.mutexes:
        machine.mutex(name)
    for task in scenario.tasks:
        machine.task(task.name, _perform, machine, task, buffers, cpu=task.cpu, user=task.kind == "user")
    reclaimed = {step.buffer for task in scenario.tasks for step in task.steps if isinstance(step, schema.Reclaim)}
    for name in sorted(reclaimed):
        _swapping(buffers[name], "reclaim").serve()


def _buffer(machine: Machine, name: str, spec: schema.BufferSpec, scenario: schema.Scenario) -> Buffer:
    buffer = machine.buffer(name, spec.pages)
    zone = ZONES[spec.zone_on(scenario.machine)]
    if spec.exporter == "static":
        StaticExporter(machine, buffer, zone, spec.defects)
    else:
        SwappingExporter(machine, buffer, zone, spec.defects, resident=spec.resident)
    return buffer


def _swapping(buffer: Buffer, verb: str) -> SwappingExporter:
    exporter = buffer.exporter
    if not isinstance(exporter, SwappingExporter):
        raise ScenarioError(
            f"a step does {verb} on buffer {buffer.name!r}, whose exporter is {exporter.name!r}, which never moves "
            'its storage: give the buffer exporter = "swapping", or drop the step'
        )
    return exporter


async def _perform(machine: Machine, task: schema.TaskSpec, buffers: Mapping[str, Buffer]) -> None:
    importer = CpuImporter(machine, task.defects)
    user = task.kind == "user"
    try:
        for turn in range(task.repeat):
            for index, step in enumerate(task.steps):
                verb = type(step).__struct_config__.tag
                await settle((turn, index, importer.holds()), f"step {index + 1} {verb}")
                if user:
                    await UserMode()
                await _step(step, machine, importer, buffers)
        if user or "late-kunmap" in importer.defects:
            await importer.unwind()
    except KernelError:  # a driver's error path gives back everything
        await settle(("unwind", importer.holds()), "error path")
        await importer.unwind()
    except Killed:
        await settle(("killed", importer.holds()), "exit path")
        await importer.unwind()


async def _step(step: Any, machine: Machine, importer: CpuImporter, buffers: Mapping[str, Buffer]) -> None:
    match step:
        case schema.GetBackingStorage(buffer=name, start=start, len=length):
            await _tolerate(step, importer.get(buffers[name], start, _length(buffers[name], start, length)))
        case schema.PutBackingStorage(buffer=name, start=start, len=length):
            await importer.put(buffers[name], start, _length(buffers[name], start, length))
        case schema.Kmap(buffer=name, page=page, as_=called):
            await importer.kmap(called, buffers[name], page)
        case schema.Kunmap(at=called):
            await importer.kunmap(called)
        case schema.KmapAtomic(buffer=name, page=page, as_=called):
            await importer.kmap_atomic(called, buffers[name], page)
        case schema.KunmapAtomic(at=called):
            await importer.kunmap_atomic(called)
        case schema.Load(at=called, word=word):
            await importer.mappings[called].load(word)
        case schema.Store(at=called, word=word):
            await importer.mappings[called].store(word)
        case schema.Memcpy(from_=source, to=target):
            await importer.copy(source, target)
        case schema.Lock(mutex=name):
            await _mutex(machine, name).lock()
        case schema.Unlock(mutex=name):
            await _mutex(machine, name).unlock()
        case schema.Set(cell=name, value=value):
            await _cell(machine, name).store(value)
        case schema.Wait(cell=name, is_=relation, value=value, interruptible=interruptible):
            wait = _cell(machine, name).wait(relation, value, interruptible=interruptible)
            await _tolerate(step, wait)
        case schema.Sleep(ticks=ticks):
            await machine.clock.sleep(ticks)
        case schema.DmaBufGet(buffer=name):
            await importer.take(buffers[name])
        case schema.DmaBufPut(buffer=name):
            await importer.drop(buffers[name])
        case schema.SwapOut(buffer=name):
            await _tolerate(step, _swapping(buffers[name], "swap_out").swap_out())
        case schema.Reclaim(buffer=name):
            await _swapping(buffers[name], "reclaim").wanted.store(1)


async def _tolerate(step: Any, call: Any) -> None:
    try:
        await call
    except KernelError:
        if step.on_error == "unwind":
            raise


def _length(buffer: Buffer, start: int, length: int | None) -> int:
    return buffer.size - start if length is None else length


def _mutex(machine: Machine, name: str) -> Any:
    return machine.things[f"mutex {name}"]


def _cell(machine: Machine, name: str) -> Any:
    return machine.things[f"cell {name}"]
