"""Who drives the exporters: what of a scenario asks them to move their buffers, and what else may."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from dmabuf_async.scenario.drawing.draws import Draws, free, one_of, seldom
from dmabuf_async.scenario.schema import Scenario, Step, TaskSpec
from dmabuf_async.scenario.verbs import exporter

_LEFT_OUT = 8
"""One in so many steps of those that the scenario has."""
_MOST = 4


def of_scenario(scenario: Scenario) -> list[TaskSpec]:
    """The tasks that ask an exporter for something, with those of their steps that do."""
    found = []
    for task in scenario.tasks:
        steps = [step for step in task.steps if asks(step)]
        if steps:
            found.append(TaskSpec(name=task.name, cpu=task.cpu, repeat=task.repeat, steps=steps))
    return found


def asks(step: Step) -> bool:
    """Whether a step asks an exporter for something."""
    return isinstance(step, exporter.SwapOut | exporter.Migrate | exporter.Reclaim)


def drivers(draws: Draws, scenario: Scenario) -> list[TaskSpec]:
    """Some of what the scenario does to its exporters, and if that is nothing, or at times, something else."""
    own = of_scenario(scenario)
    found = [kept for task in own if (kept := _some(draws, task)) is not None]
    may = list(requests(scenario))
    if may and (seldom(draws) if own else draws.below(_MOST)):
        name = free("mover", {task.name for task in own})
        steps = [one_of(draws, may)]
        while len(steps) < _MOST and draws.below(3):
            steps.append(one_of(draws, may))
        found.append(TaskSpec(name=name, cpu=draws.below(scenario.machine.cpus), steps=steps))
    return found


def _some(draws: Draws, task: TaskSpec) -> TaskSpec | None:
    steps = [step for step in task.steps if draws.below(_LEFT_OUT)]
    return msgspec.structs.replace(task, steps=steps) if steps else None


def requests(scenario: Scenario) -> Iterator[Step]:
    """All that the exporters of a scenario may be asked for."""
    for name, spec in scenario.buffers.items():
        if spec.exporter == "swapping":
            yield exporter.SwapOut(buffer=name)
            yield exporter.Reclaim(buffer=name)
        elif spec.exporter == "migrating" and scenario.machine.vram:
            for to in ("vram", "ram"):
                yield exporter.Migrate(buffer=name, to=to)
                yield exporter.Migrate(buffer=name, to=to, by="daemon")
