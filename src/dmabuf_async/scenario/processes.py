"""Which tasks of a scenario are user processes, which of them share an address space, and who forks whom."""

from __future__ import annotations

from typing import NamedTuple

from dmabuf_async.scenario.schema import Scenario, TaskSpec
from dmabuf_async.scenario.verbs import process


class Process(NamedTuple):
    """One address space of a scenario. It has the name of the task that it belongs to."""

    name: str
    tasks: tuple[TaskSpec, ...]
    """That task, and its threads."""
    parent: str | None
    """The process that forks it."""


def processes(scenario: Scenario) -> dict[str, Process]:
    """All processes that map something, have threads, or are forked, by name; parents first, if that is possible."""
    owners = {task.name: task.thread_of or task.name for task in scenario.tasks}
    parents = {step.task: owners[task.name] for task in scenario.tasks for step in forks(task)}
    named = {owners[task.name] for task in scenario.tasks if maps(task) or task.thread_of is not None} | set(parents)
    found: dict[str, Process] = {}

    def add(name: str, descendants: tuple[str, ...] = ()) -> None:
        parent = parents.get(name)
        if name in found or name not in owners or name in descendants:
            return
        if parent is not None:
            add(parent, (*descendants, name))
        found[name] = Process(name, tuple(task for task in scenario.tasks if owners[task.name] == name), parent)

    for task in scenario.tasks:
        if task.name in named:
            add(task.name)
    return found


def forks(task: TaskSpec) -> list[process.Fork]:
    """The steps of a task that fork."""
    return [step for step in task.steps if isinstance(step, process.Fork)]


def maps(task: TaskSpec) -> bool:
    """Whether a task makes calls that only a process can make."""
    return any(isinstance(step, process.Call) for step in task.steps)


def users(scenario: Scenario) -> set[str]:
    """The names of tasks that are user processes, or threads of one."""
    members = {task.name for one in processes(scenario).values() for task in one.tasks}
    return members | {task.name for task in scenario.tasks if task.kind == "user"}
