"""What is simpler than a drawn scenario and keeps the rules as well: it lacks a task, or a thing and all that needs it.

Hypothesis shrinks the list of draws, where a thing that stands around others is hard to take out. Here it is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from dmabuf_async.scenario.drawing.drivers import asks
from dmabuf_async.scenario.processes import processes
from dmabuf_async.scenario.schema import Scenario, Step, TaskSpec
from dmabuf_async.scenario.verbs import device, kernel, process

_ALONE: Final = kernel.Load | kernel.Store | kernel.Memcpy
"""Steps that no other step needs."""
_PAIRS: Final = (
    (kernel.GetBackingStorage, kernel.PutBackingStorage),
    (kernel.DmaBufGet, kernel.DmaBufPut),
    (device.Attach, device.Detach),
    (device.MapDmaBuf, device.UnmapDmaBuf),
    (kernel.Kmap, kernel.Kunmap),
    (kernel.KmapAtomic, kernel.KunmapAtomic),
)
"""What is begun, and how it is ended: in the reverse order."""


def simpler(scenario: Scenario) -> Iterator[Scenario]:
    """Scenarios with less in them, those first that lack most; in each, importers keep the rules if they did before."""
    for task in scenario.tasks:
        left = _others(scenario, task)
        if left and not _has_threads(scenario, task):
            yield _tidy(msgspec.structs.replace(scenario, tasks=left))
    for index, task in enumerate(scenario.tasks):
        for steps in _fewer(task):
            yield _with(scenario, index, msgspec.structs.replace(task, steps=steps))
        plain = msgspec.structs.replace(task, repeat=1, cpu=0, kind="kernel")
        for key in ("repeat", "cpu", "kind"):
            if getattr(task, key) != getattr(plain, key):
                yield _with(scenario, index, msgspec.structs.replace(task, **{key: getattr(plain, key)}))
    used = {getattr(step, "buffer", None) for task in scenario.tasks for step in task.steps}
    kept = {name: spec for name, spec in scenario.buffers.items() if name in used}
    if len(kept) < len(scenario.buffers):
        yield _tidy(msgspec.structs.replace(scenario, buffers=kept))


def _has_threads(scenario: Scenario, task: TaskSpec) -> bool:
    return any(one.thread_of == task.name for one in scenario.tasks)


def _others(scenario: Scenario, gone: TaskSpec) -> list[TaskSpec]:
    """The tasks without this one, those that it forks, and the fork of it."""
    names = {gone.name} | {step.task for step in gone.steps if isinstance(step, process.Fork)}
    tasks = []
    for task in scenario.tasks:
        steps = [step for step in task.steps if not (isinstance(step, process.Fork) and step.task in names)]
        if task.name not in names and steps:
            tasks.append(msgspec.structs.replace(task, steps=steps))
    return tasks


def _with(scenario: Scenario, index: int, task: TaskSpec) -> Scenario:
    tasks = [*scenario.tasks]
    tasks[index] = task
    return _tidy(msgspec.structs.replace(scenario, tasks=tasks))


def _tidy(scenario: Scenario) -> Scenario:
    """Without devices that nobody attaches, and TLBs that cannot be filled."""
    used = {step.device for task in scenario.tasks for step in task.steps if isinstance(step, device.Attach)}
    devices = {name: spec for name, spec in scenario.devices.items() if name in used}
    environment = scenario.environment
    if environment.tlb_fills and not processes(scenario):
        environment = msgspec.structs.replace(environment, tlb_fills=0)
    return msgspec.structs.replace(scenario, devices=devices, environment=environment)


def _fewer(task: TaskSpec) -> Iterator[list[Step]]:
    """The steps of a task without one thing that it does, and all that needs it."""
    steps = task.steps
    for index, step in enumerate(steps):
        dropped: set[int] | None = None
        if isinstance(step, _ALONE) or asks(step):
            dropped = {index}
        elif isinstance(step, process.Mmap) and not _forks(task):
            dropped = _naming(steps, step.as_)
        elif isinstance(step, process.Mprotect):
            dropped = {at for at, one in enumerate(steps) if isinstance(one, process.Mprotect) and one.at == step.at}
        elif isinstance(step, process.Mremap):
            dropped = {index}
        elif isinstance(step, device.DmaRead | device.DmaWrite):
            waits = (at for at in range(index, len(steps)) if getattr(steps[at], "for_", None) == step.as_)
            dropped = {index, next(waits)}
        elif isinstance(step, process.Munmap) and task.repeat == 1:
            dropped = None if _forks(task) else {index}
        else:
            dropped = _bracket(steps, index)
        if dropped is not None and len(dropped) < len(steps):
            yield [one for at, one in enumerate(steps) if at not in dropped]


def _forks(task: TaskSpec) -> bool:
    """Whether a child knows what it maps."""
    return any(isinstance(step, process.Fork) for step in task.steps)


def _naming(steps: Sequence[Step], name: str) -> set[int]:
    """The steps that name a user mapping."""
    return {
        index for index, step in enumerate(steps) if name in {getattr(step, "as_", None), getattr(step, "at", None)}
    }


def _bracket(steps: Sequence[Step], begin: int) -> set[int] | None:
    """The step and the one that ends what it begins, with what stands between and needs it; None: it begins nothing."""
    kinds = next((pair for pair in _PAIRS if isinstance(steps[begin], pair[0])), None)
    if kinds is None:
        return None
    depth = 0
    for end in range(begin, len(steps)):
        depth += isinstance(steps[end], kinds[0]) - isinstance(steps[end], kinds[1])
        if depth == 0:
            break
    else:
        return None
    inside = range(begin + 1, end)
    needs = _needs(steps[begin])
    dropped = {begin, end}
    names: set[str] = set()
    for index in inside:
        step = steps[index]
        named = {getattr(step, key, None) for key in ("at", "for_", "from_", "to")}
        if needs(step) or names & named:
            dropped.add(index)
            if isinstance(step, device.DmaRead | device.DmaWrite):
                names.add(step.as_)
    return dropped


def _needs(begin: Step) -> Callable[[Step], bool]:
    """What cannot be done without what a step begins; to be sure, all that such a step may need it for."""
    match begin:
        case kernel.GetBackingStorage():
            return lambda step: isinstance(
                step, kernel.Kmap | kernel.KmapAtomic | kernel.Kunmap | kernel.KunmapAtomic | _ALONE
            )
        case kernel.Kmap() | kernel.KmapAtomic():
            return lambda step: begin.as_ in {getattr(step, key, None) for key in ("at", "from_", "to")}
        case device.Attach():
            return lambda step: getattr(step, "at", None) == begin.as_
        case device.MapDmaBuf():
            return lambda step: getattr(step, "at", None) == begin.at
        case _:
            return lambda _: False
