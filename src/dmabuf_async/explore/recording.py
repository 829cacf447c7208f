"""One execution with all that can be shown of it: the state after each step, and the two orders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.recorder import Recorder
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.execution import Job, Jobs, is_interrupt, perform
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.orders import Arrow, arrows

if TYPE_CHECKING:
    from dmabuf_async.explore.execution import Execution
    from dmabuf_async.machine.snapshot import Snapshot
    from dmabuf_async.scenario.program import Program

_EVENTS: Final = 64
"""So many events, and more, a step never makes; those of one lane have every eighth number."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What an execution went through."""

    execution: Execution
    snapshots: tuple[Snapshot, ...]
    """Before the first step, and after each: one more than there are steps."""
    arrows: tuple[Arrow, ...]
    """Happens-before between steps of different actors, without what follows from it."""


def record(program: Program, execution: Execution) -> Recording:
    """Make the execution again, as far as it went, and record it. Raises ReplayDiverged if it comes out differently."""
    return perform(_recorded(program, execution), pace=tuple)  # each task is really resumed then


def _recorded(program: Program, execution: Execution) -> Jobs[Recording]:
    machine = program.machines()()
    steps = execution.steps
    recorder = Recorder(machine, CHECKERS, beyond=_EVENTS * (steps + 1))
    try:
        core = yield Job(machine, Replay(execution.choices), recorder, max(steps, 1))
    except BaseException as error:
        is_interrupt(error, program)
        raise
    assert core is not None
    if recorder.trace(core).events != execution.trace.events:
        raise ReplayDiverged(
            f"{program.name}: made again with the same choices, the execution takes other steps: the scenario is not "
            "deterministic"
        )
    return Recording(execution, tuple(recorder.snapshots), arrows(execution.trace.events, recorder.acquired))
