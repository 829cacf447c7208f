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


def guarded(program: Program, choices: Sequence[int], max_steps: int) -> Jobs[None]:
    """The jobs of making an execution again, twice, each on a machine of its own. Raises ReplayDiverged if they differ.

    Its tasks know nothing from earlier executions there: what they do is not looked up, but done.
    """
    guard = Guard(Replay(choices), program.name)
    for _ in range(2):
        machine = program.machines()()
        core = yield Job(machine, guard, Watch(machine), max_steps)
        if core is not None:
            guard.compare(core)
