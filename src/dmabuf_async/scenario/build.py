"""From a scenario file to a program: buffers with their exporters, tasks with their steps.

What a step does is looked up when the machine is furnished, so that performing it costs little more than its call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dmabuf_async.drivers.importer import Importer
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError, Killed
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.ops import settle
from dmabuf_async.scenario import schema
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.steps.base import Act, Objects, act, verb_of
from dmabuf_async.scenario.steps.exporter import swapping
from dmabuf_async.scenario.verbs import exporter
from dmabuf_async.tasks import UserMode

ZONES: Mapping[str, str] = {"lowmem": "ram", "highmem": "high"}
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
        spinlocks={name: machine.spinlock(name) for name in scenario.spinlocks},
        rwsems={name: machine.rwsem(name) for name in scenario.rwsems},
        cpu=machine.cpus[0],
    )
    for task in scenario.tasks:
        here = objects._replace(cpu=machine.cpus[task.cpu])
        steps = [(f"step {number} {verb_of(step)}", act(step, here)) for number, step in enumerate(task.steps, 1)]
        machine.task(task.name, perform, machine, task, steps, cpu=task.cpu, user=task.kind == "user")
    reclaimed = {step.buffer for task in scenario.tasks for step in task.steps if isinstance(step, exporter.Reclaim)}
    for name in sorted(reclaimed):
        swapping(objects.buffers[name]).serve()


def _buffer(machine: Machine, name: str, spec: schema.BufferSpec, scenario: schema.Scenario) -> Buffer:
    buffer = machine.buffer(name, spec.pages)
    zone = ZONES[spec.zone_on(scenario.machine)]
    if spec.exporter == "static":
        StaticExporter(machine, buffer, zone, spec.defects)
    else:
        SwappingExporter(machine, buffer, zone, spec.defects, resident=spec.resident)
    return buffer


# Tasks -------------------------------------------------------------------------


async def perform(machine: Machine, task: schema.TaskSpec, steps: Sequence[tuple[str, Act]]) -> None:
    """The life of a task: its steps, and then its way out.

    A user process cleans up when it exits, however it ends; kernel code gives everything back only on its error path.
    """
    importer = Importer(machine, task.defects)
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


async def kernel_steps(importer: Importer, repeat: int, steps: Sequence[tuple[str, Act]]) -> None:
    """The steps of a kernel task, over and over."""
    for turn in range(repeat):
        for index, (site, begin) in enumerate(steps):
            await settle((turn, index, importer.holds()), site)
            await begin(importer)


async def user_steps(importer: Importer, repeat: int, steps: Sequence[tuple[str, Act]]) -> None:
    """The same for a user process, which comes back to user mode between two of them."""
    for turn in range(repeat):
        for index, (site, begin) in enumerate(steps):
            await settle((turn, index, importer.holds()), site)
            await UserMode()  # where a kill takes effect
            await begin(importer)
