"""What processes of a scenario call their mappings, and what they say about themselves and cannot be true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dmabuf_async.scenario.hints import Mistake, did_you_mean, listed, shown
from dmabuf_async.scenario.positions import KeyPath
from dmabuf_async.scenario.processes import forks, processes
from dmabuf_async.scenario.schema import Scenario, TaskSpec
from dmabuf_async.scenario.verbs import kernel, process


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
    tasks = {one.name: one for one in scenario.tasks}
    parents = {step.task: one.thread_of or one.name for one in scenario.tasks for step in forks(one)}
    times = Counter(step.task for one in scenario.tasks for step in forks(one))
    for index, step in enumerate(task.steps):
        if not isinstance(step, process.Fork):
            continue
        name, said = step.task, shown(step.task)
        if name not in tasks:
            wrong = f"there is no task {said}; {did_you_mean(name, tasks, _declare(name))}"
        elif tasks[name].thread_of is not None:
            wrong = f"the task {said} is a thread; fork its process, or drop thread_of there"
        elif name in _line(task.thread_of or task.name, parents):
            wrong = f"the process {said} would be its own child; fork another task"
        elif times[name] > 1 or task.repeat > 1:
            wrong = f"the task {said} is forked more than once; give each fork a task of its own"
        else:
            continue
        yield Mistake((*path, "steps", index, "task"), wrong)


def _line(name: str, parents: Mapping[str, str]) -> set[str]:
    """A process and its ancestors."""
    line = {name}
    while parents.get(name, name) not in line:
        line.add(name := parents[name])
    return line


def _declare(name: str) -> str:
    return f'declare it under [[tasks]] with name = "{name}"'


def _names(path: KeyPath, task: TaskSpec, known: Mapping[str, Region]) -> Iterator[Mistake]:
    kmaps = {step.as_ for step in task.steps if isinstance(step, kernel.Kmap | kernel.KmapAtomic)}
    made: dict[str, int] = {}
    for index, step in enumerate(task.steps):
        here: KeyPath = (*path, "steps", index)
        match step:
            case kernel.Kmap() | kernel.KmapAtomic() if step.as_ in known:
                wrong = f"the process maps something as {shown(step.as_)} with mmap; take another name"
                yield Mistake((*here, "as"), wrong)
            case kernel.Load() | kernel.Store() if step.at in kmaps and step.page:
                yield Mistake((*here, "page"), f"{shown(step.at)} is a mapping of one page; drop this key")
            case process.Mmap():
                made[step.as_] = index
                first = known[step.as_]
                if Region(here, step).part() != first.part():
                    wrong = f"the process maps another part of a buffer as {shown(step.as_)} in {_where(first.path)}"
                    yield Mistake((*here, "as"), f"{wrong}; give this one another name")
            case process.Munmap() | process.Mremap() | process.Mprotect() | kernel.Load() | kernel.Store():
                yield from _at(here, task, step.at, known, kernels=isinstance(step, kernel.Load | kernel.Store))
                if isinstance(step, process.Munmap):
                    made.pop(step.at, None)
            case _:
                pass
    for name, index in made.items() if task.repeat > 1 else ():
        yield Mistake(
            (*path, "steps", index, "as"),
            f"the mapping {shown(name)} is still there when the steps are repeated, and is made again; unmap it in "
            "the last step, or set repeat = 1",
        )


def _at(here: KeyPath, task: TaskSpec, name: str, known: Mapping[str, Region], *, kernels: bool) -> Iterator[Mistake]:
    """A step that names a mapping; ``kernels``: it may be one of the kernel, which is checked elsewhere."""
    found = known.get(name)
    if found is None and not kernels:
        hint = did_you_mean(name, known, f'map a buffer first: {{ do = "mmap", buffer = "...", as = {shown(name)} }}')
        yield Mistake((*here, "at"), f"the process of {shown(task.name)} has no mapping {shown(name)}; {hint}")
    elif found is not None and found.path[:2] == here[:2] and found.path > here:
        later = f"the mapping {shown(name)} is made only later, in {_where(found.path)}; map the buffer first"
        yield Mistake((*here, "at"), later)


def _where(path: KeyPath) -> str:
    return f"tasks[{path[1]}].steps[{path[3]}]"
