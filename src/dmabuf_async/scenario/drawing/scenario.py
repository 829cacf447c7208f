"""A drawn scenario: the machine, buffers and environment of one that exists, and importers that keep every rule."""

from __future__ import annotations

from typing import Final

import msgspec

from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario.drawing.draws import Draws, one_of, seldom
from dmabuf_async.scenario.drawing.drivers import drivers
from dmabuf_async.scenario.drawing.ground import Ground, ground, may_stall
from dmabuf_async.scenario.drawing.importer import DrawnImporter, Manner
from dmabuf_async.scenario.processes import processes
from dmabuf_async.scenario.schema import Scenario, Step, TaskSpec
from dmabuf_async.scenario.verbs import kernel, process

MOST_IMPORTERS: Final = 3


def drawn(scenario: Scenario, draws: Draws) -> Scenario:
    """A scenario with the machine, the exporters and the environment of ``scenario``, and drawn importers.

    Its exporters keep their defects, and so does the kernel's core. Importers, devices among them, have none. Nothing
    is expected to be found. Raises ScenarioError if ``scenario`` has no buffer.
    """
    if not scenario.buffers:
        raise ScenarioError("there is no buffer in it, and so no exporter to draw importers against")
    driving = drivers(draws, scenario)
    floor = ground(scenario, {task.name for task in driving}, stalls=may_stall(scenario) and seldom(draws))
    tasks = importers(draws, floor)
    if len(tasks) == 1 and not driving:
        tasks = [_closing(draws, floor, tasks[0])]
    used = {name for task in (*driving, *tasks) for step in task.steps for name in _buffers(step)}
    if draws.below(2):
        used = set(scenario.buffers)
    whole = Scenario(
        title=f"Drawn importers: {scenario.title}"[:200],
        rules=scenario.rules,
        machine=scenario.machine,
        buffers={name: spec for name, spec in scenario.buffers.items() if name in used},
        devices=floor.devices,
        tasks=[*driving, *tasks],
        environment=scenario.environment,
    )
    if processes(whole):
        return whole
    nothing_to_fill = msgspec.structs.replace(scenario.environment, tlb_fills=0)
    return msgspec.structs.replace(whole, environment=nothing_to_fill)


def importers(draws: Draws, floor: Ground) -> list[TaskSpec]:
    """Some tasks that use the buffers, one at least, and those that they fork."""
    found: list[TaskSpec] = []
    owners: list[str] = []
    manners = _manners(floor)
    while len(found) < MOST_IMPORTERS and (not found or draws.below(3)):
        manner = one_of(draws, manners)
        owner = None
        if manner == "user" and owners and floor.coherent and seldom(draws):
            owner = one_of(draws, owners)
        name = floor.name("thread" if owner else manner)
        if not floor.open_to(name):
            break
        one = DrawnImporter(draws, floor, manner, name)
        found += [one.drawn(thread_of=owner), *one.children]
        if manner in {"user", "process"} and owner is None and any(isinstance(s, process.Mmap) for s in one.steps):
            owners.append(name)
    return found


def _manners(floor: Ground) -> list[Manner]:
    """What importers may be like: their exporters must have what they do first."""
    shapes = floor.buffers.values()
    manners: list[Manner] = ["kernel"]
    if any(shape.mmap for shape in shapes):
        manners.append("user")
    if any(shape.devices for shape in shapes):
        manners.append("device")
    # It takes one task that does everything to see that caches are kept right.
    manners.extend(["process"] if floor.coherent else ["process", "process", "process", "process"])
    return manners


def _closing(draws: Draws, floor: Ground, task: TaskSpec) -> TaskSpec:
    """The only task there is may drop the reference that there was at first: the last one releases the buffer (V15)."""
    if task.repeat > 1 or not seldom(draws):
        return task
    buffer = one_of(draws, list(floor.buffers))
    return TaskSpec(name=task.name, cpu=task.cpu, kind=task.kind, steps=[*task.steps, kernel.DmaBufPut(buffer=buffer)])


def _buffers(step: Step) -> list[str]:
    name = getattr(step, "buffer", None)
    return [name] if isinstance(name, str) else []
