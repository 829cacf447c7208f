"""From a scenario file to a program: buffers with their exporters, tasks with their steps.

What a step does is looked up when the machine is furnished, so that performing it costs little more than its call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from dmabuf_async.drivers.device import DeviceDriver
from dmabuf_async.drivers.importer import Importer
from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.drivers.process import UserProcess
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError, Killed
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.mm import Mm
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.ops import settle
from dmabuf_async.scenario import schema
from dmabuf_async.scenario.processes import forks, processes, users
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.properties import expressions
from dmabuf_async.scenario.skips import skips
from dmabuf_async.scenario.steps.base import Act, Objects, act, verb_of
from dmabuf_async.scenario.steps.process import length_of
from dmabuf_async.scenario.verbs import process
from dmabuf_async.scenario.verbs.exporter import asks_service
from dmabuf_async.tasks import UserMode

ZONES: Mapping[str, str] = {"lowmem": "ram", "highmem": "high", "vram": "vram"}
"""What the machine calls the zones of a scenario."""


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
            cpus=size.cpus, ram=size.ram, highmem=size.highmem, vram=size.vram, cpu_visible=size.cpu_visible,
            swap=size.swap, kmap_slots=size.kmap_slots, words=size.words,
            coherent=size.coherent, line_words=size.line_words, enomem=may.enomem, eintr=may.eintr, kills=may.kills,
            evictions=may.evictions, prefetches=may.prefetches, tlb_fills=may.tlb_fills,
        ),
        findings=tuple(scenario.expect.findings),
        sometimes=tuple(scenario.expect.sometimes),
        always=expressions(scenario.expect.always),
        eventually=expressions(scenario.expect.eventually),
        reusable=True,
    )  # fmt: skip


def furnish(machine: Machine, scenario: schema.Scenario) -> None:
    """Make everything that the scenario, which must be valid, names on a new machine; buffers may be there already."""
    objects = Objects(
        machine,
        buffers={
            name: machine.buffers.get(name) or _buffer(machine, name, spec, scenario)
            for name, spec in scenario.buffers.items()
        },
        cells={name: machine.cell(name, value) for name, value in scenario.cells.items()},
        mutexes={name: machine.mutex(name) for name in scenario.mutexes},
        devices={
            name: machine.device(name, spec.engines, spec.revoke, vram=spec.vram)
            for name, spec in scenario.devices.items()
        },
        spinlocks={name: machine.spinlock(name) for name in scenario.spinlocks},
        rwsems={name: machine.rwsem(name) for name in scenario.rwsems},
        cpu=machine.cpus[0],
    )
    machine.defects = frozenset(scenario.machine.defects)
    spaces = _spaces(machine, scenario, objects.buffers)
    user = users(scenario)
    for task in scenario.tasks:
        here = objects._replace(cpu=machine.cpus[task.cpu])
        steps = [
            (f"step {number} {verb_of(step)}", act(step, here), skips(step))
            for number, step in enumerate(task.steps, 1)
        ]
        children = [machine.mms[one.task] for one in forks(task)]
        life = (machine, task, steps, task.name in user, spaces.get(task.name), children)
        actor = machine.task(task.name, perform, *life, cpu=task.cpu, user=task.name in user)
        for child in children:
            child.forker = actor
    for name in sorted({step.buffer for task in scenario.tasks for step in task.steps if asks_service(step)}):
        objects.buffers[name].exporter.serve()
    for name, driven in scenario.devices.items():
        DeviceDriver(objects.devices[name], driven.defects).serve()


def _spaces(machine: Machine, scenario: schema.Scenario, buffers: Mapping[str, Buffer]) -> dict[str, Mm]:
    """The address space of each task that has one, with what its processes may map."""
    spaces: dict[str, Mm] = {}
    for one in processes(scenario).values():
        mm = machine.mm(one.name, parent=None if one.parent is None else machine.mms[one.parent])
        for task in one.tasks:
            mm.thread(task.cpu)
            spaces[task.name] = mm
            for step in task.steps:
                if isinstance(step, process.Mmap):
                    buffer = buffers[step.buffer]
                    mm.region(step.as_, buffer, step.offset, length_of(buffer, step), write=step.write)
    return spaces


def _buffer(machine: Machine, name: str, spec: schema.BufferSpec, scenario: schema.Scenario) -> Buffer:
    buffer = machine.buffer(name, spec.pages)
    zone = ZONES[spec.zone_on(scenario.machine)]
    if spec.exporter == "static":
        StaticExporter(machine, buffer, zone, spec.defects)
        return buffer
    options: dict[str, Any] = {"fault": spec.fault, "guard": spec.guard, "parallel_copy": spec.parallel_copy}
    if spec.exporter == "migrating":
        MigratingExporter(machine, buffer, zone, spec.defects, **options)
    else:
        options |= {"resident": spec.resident, "populated": spec.populated}
        SwappingExporter(machine, buffer, zone, spec.defects, **options)
    return buffer


# Tasks -------------------------------------------------------------------------

Turn: TypeAlias = tuple[str, Act, int]
"""One step: what it is called, what it does, and how many of the next are left out if it comes to nothing."""


async def perform(
    machine: Machine,
    task: schema.TaskSpec,
    steps: Sequence[Turn],
    user: bool,
    mm: Mm | None = None,
    children: Sequence[Mm] = (),
) -> None:
    """The life of a task: its steps, and then its way out.

    A user process cleans up when it exits, however it ends; kernel code gives everything back only on its error path.
    """
    process = None if mm is None else UserProcess(mm, children)
    importer = Importer(machine, task.defects, process)
    if process is not None and not await process.begin():
        return
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


async def kernel_steps(importer: Importer, repeat: int, steps: Sequence[Turn]) -> None:
    """The steps of a kernel task, over and over."""
    for turn in range(repeat):
        left_out = 0
        for index, (site, begin, skips_if_not) in enumerate(steps):
            if left_out:
                left_out -= 1
                continue
            await settle((turn, index, importer.holds()), site)
            if not await begin(importer):
                left_out = skips_if_not


async def user_steps(importer: Importer, repeat: int, steps: Sequence[Turn]) -> None:
    """The same for a user process, which comes back to user mode between two of them."""
    for turn in range(repeat):
        left_out = 0
        for index, (site, begin, skips_if_not) in enumerate(steps):
            if left_out:
                left_out -= 1
                continue
            await settle((turn, index, importer.holds()), site)
            if importer.process is not None:
                importer.process.again = settle((turn, index, importer.holds(), "again"), site)
            await UserMode()  # where a kill takes effect
            if not await begin(importer):
                left_out = skips_if_not
