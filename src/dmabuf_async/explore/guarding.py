"""Whether a campaign's executions are what it takes them for: functions of the answers, and of nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import Job
from dmabuf_async.strategies.guard import Guard
from dmabuf_async.strategies.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dmabuf_async.explore.execution import Jobs
    from dmabuf_async.scenario.program import Program

GUARD_EVERY: Final = 250
"""Of so many executions that were made, the first is made again, twice."""
GUARD_FIRST: Final = 16
"""So many are made again, if a task may be any Python and they are short; then the 32nd, the 64th, and so on."""
GUARD_SHORT: Final = 200
"""Steps of a short one."""
GUARD_TIMES: Final = 8
"""So often each of the first is made again: a coin shows the same 8 times in one of 128 cases."""


def repeats(program: Program, number: int, steps: int) -> int:
    """How often a search makes the execution of this number, from 1, and with so many steps again."""
    if number <= GUARD_FIRST and steps <= GUARD_SHORT and not program.tabled:
        return GUARD_TIMES
    return 2 * is_due(program, number)


def is_due(program: Program, number: int) -> bool:
    """Whether a campaign makes the execution of this number, from 1, again: it may be a short one, of many."""
    return number % GUARD_EVERY == 1 or (not number & (number - 1) and not program.tabled)


def guarded(program: Program, choices: Sequence[int], max_steps: int, times: int = 2) -> Jobs[None]:
    """The jobs of making an execution again, so many times, each on a machine of its own.

    Its tasks know nothing from earlier executions there: what they do is not looked up, but done. Raises
    ReplayDiverged, which names who did something else, if they differ.
    """
    guard = Guard(Replay(choices), program.name)
    for _ in range(times):
        machine = program.machines()()
        watch = Watch(machine, trace=True)
        core = yield Job(machine, guard, watch, max_steps)
        if core is not None:
            guard.compare(core, watch.steps or ())
