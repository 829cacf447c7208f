"""The reference: a bare loop that resumes the same coroutines with recorded results (DESIGN 11)."""

from __future__ import annotations

from typing import Any

from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import Settle
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk

Recording = list[tuple[int, Any]]
"""Of one execution: which task was resumed, and with which result. Settling counts as resuming with None."""


def record(program: Program, executions: int) -> tuple[Machine, list[Recording], int]:
    """What a random walk does; the machine that it did it on; and the number of steps.

    Each execution's mappings belong to that execution alone, so what is recorded stays true of one machine.
    """
    machines, strategy = program.machines(), RandomWalk(0)
    machine = Machine()
    recordings: list[Recording] = []
    steps = 0
    for index in range(executions):
        machine = machines()
        watch = Watch(machine, trace=True)
        core = inline.execute(machine, strategy, watch=watch, index=index)
        assert core is not None
        assert watch.steps is not None
        numbers = {actor: number for number, actor in enumerate(machine.actors)}
        recordings.append([(numbers[step.actor], step.result) for step in watch.steps if step.actor in numbers])
        steps += core.steps
    return machine, [_with_settles(machine, recording) for recording in recordings], steps


def _with_settles(machine: Machine, recording: Recording) -> Recording:
    sends = [actor.function(*actor.arguments).send for actor in machine.actors]
    whole: Recording = []
    for number, result in [*((number, None) for number in range(len(sends))), *recording]:
        given = result
        while True:
            whole.append((number, given))
            try:
                op = sends[number](given)
            except StopIteration:
                break
            if not isinstance(op, Settle):
                break
            given = None
    for send in sends:
        send.__self__.close()
    return whole


def resume(machine: Machine, recordings: list[Recording]) -> None:
    """The bare loop."""
    tasks = [(actor.function, actor.arguments) for actor in machine.actors]
    for recording in recordings:
        sends = [function(*arguments).send for function, arguments in tasks]
        for number, result in recording:
            try:  # noqa: SIM105 - a context manager would cost as much as a step
                sends[number](result)
            except StopIteration:
                pass
