"""What processes of a scenario call their mappings, and what they say about themselves and cannot be true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dmabuf_async.scenario.hints import Mistake, did_you_mean, listed, shown
from dmabuf_async.scenario.positions import KeyPath
from dmabuf_async.scenario.processes import forks, processes
from dmabuf_async.scenario.schema import Scenario, TaskSpec
from dmabuf_async.scenario.verbs import process


class Region(NamedTuple):
    """What a name stands for in a process: one mmap of it, wherever it is made."""

    path: KeyPath
    """Of the step."""
    step: process.Mmap

    def part(self) -> tuple[object, ...]:
        """What is mapped, and how."""
        step = self.step
        return (step.buffer, step.offset, step.len, step.write)


def regions(scenario: Scenario) -> dict[str, dict[str, Region]]:
    """By task: what it can reach by a name, as it or another task of its process, or of an ancestor, maps it."""
    found: dict[str, dict[str, Region]] = {}
    by_process: dict[str, dict[str, Region]] = {}
    numbers = {task.name: number for number, task in enumerate(scenario.tasks)}
    for one in processes(scenario).values():
        names = dict(by_process.get(one.parent or "", {}))
        for task in one.tasks:
            for index, step in enumerate(task.steps):
                if isinstance(step, process.Mmap):
                    names.setdefault(step.as_, Region(("tasks", numbers[task.name], "steps", index), step))
        by_process[one.name] = names
        found |= {task.name: names for task in one.tasks}
    return found


def wrong_processes(scenario: Scenario) -> Iterator[Mistake]:
    """Threads of nobody, children forked twice, mappings that nobody makes."""
    known = regions(scenario)
    for index, task in enumerate(scenario.tasks):
        path: KeyPath = ("tasks", index)
        yield from _thread(scenario, path, task)
        yield from _forks(scenario, path, task)
        yield from _names(path, task, known.get(task.name, {}))


def _thread(scenario: Scenario, path: KeyPath, task: TaskSpec) -> Iterator[Mistake]:
    of = task.thread_of
    if of is None:
        return
    owners = [one.name for one in scenario.tasks if one.thread_of is None]
    if of not in owners:
        hint = did_you_mean(of, owners, f"there are {listed(owners)}" if owners else "a process has a task of its own")
        known = any(one.name == of for one in scenario.tasks)
        what = f"the task {shown(of)} is a thread itself" if known else f"there is no task {shown(of)}"
        yield Mistake((*path, "thread_of"), f"{what}; {hint}")


def _forks(scenario: Scenario, path: KeyPath, task: TaskSpec) -> Iterator[Mistake]:
    names = [one.name for one in scenario.tasks]
    parents = {step.task: one.thread_of or one.name for one in scenario.tasks for step in forks(one)}
    for index, step in enumerate(task.steps):
        if not isinstance(step, process.Fork):
            continue
        here: KeyPath = (*path, "steps", index, "task")
        times = sum(step.task == other.task for one in scenario.tasks for other in forks(one))
        ancestors = {name := task.thread_of or task.name}
        while name in parents and parents[name] not in ancestors:
            ancestors.add(name := parents[name])
        if step.task not in names:
            yield Mistake(here, f"there is no task {shown(step.task)}; {did_you_mean(step.task, names, _declare(step.task))}")
        elif next(one for one in scenario.tasks if one.name == step.task).thread_of is not None:
            yield Mistake(here, f"the task {shown(step.task)} is a thread; fork its process, or drop thread_of there")
        elif step.task in ancestors:
            yield Mistake(here, f"the process {shown(step.task)} would be its own child; fork another task")
        elif times > 1 or task.repeat > 1:
            yield Mistake(here, f"the task {shown(step.task)} is forked more than once; give each fork a task of its own")


def _declare(name: str) -> str:
    return f'declare it under [[tasks]] with name = "{name}"'


def _names(path: KeyPath, task: TaskSpec, known: dict[str, Region]) -> Iterator[Mistake]:
    kmaps = {getattr(step, "as_", "") for step in task.steps if not isinstance(step, process.Mmap)}
    made: dict[str, int] = {}
    for index, step in enumerate(task.steps):
        here: KeyPath = (*path, "steps", index)
        if isinstance(step, process.Mmap):
            first = known[step.as_]
            if Region(here, step).part() != first.part():
                yield Mistake(
                    (*here, "as"),
                    f"the process maps another part of a buffer as {shown(step.as_)} in {_where(first.path)}; give this "
                    "one another name",
                )
            made[step.as_] = index
        name: str | None = getattr(step, "at", None)
        if name is None or name in kmaps:
            continue
        if isinstance(step, process.Munmap | process.Mremap) and name not in known:
            first_hint = f'map a buffer first: {{ do = "mmap", buffer = "...", as = {shown(name)} }}'
            hint = did_you_mean(name, list(known), first_hint)
            yield Mistake((*here, "at"), f"the process of {shown(task.name)} has no mapping {shown(name)}; {hint}")
        elif name in known and known[name].path > here[:4] and known[name].path[:2] == here[:2]:
            yield Mistake(
                (*here, "at"),
                f"the mapping {shown(name)} is made only later, in {_where(known[name].path)}; map the buffer first",
            )
        if isinstance(step, process.Munmap):
            made.pop(name, None)
    for name, index in made.items():
        if task.repeat > 1:
            yield Mistake(
                (*path, "steps", index, "as"),
                f"the mapping {shown(name)} is still there when the steps are repeated, and is made again; unmap it in "
                "the last step, or set repeat = 1",
            )


def _where(path: KeyPath) -> str:
    return f"tasks[{path[1]}].steps[{path[3]}]"
