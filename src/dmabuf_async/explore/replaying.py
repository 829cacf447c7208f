"""Replay: the same schedule shows the same execution, or it is said why it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.execution import Execution, execute
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.schedule import decode, digest_text

if TYPE_CHECKING:
    from dmabuf_async.scenario.program import Program


def strategy_for(program: Program, schedule: str) -> Replay:
    """The strategy that gives the answers of ``schedule``.

    Raises ScheduleError if the text is not a schedule, and ReplayDiverged if it was
    recorded for another scenario.
    """
    decoded = decode(schedule)
    own = digest_text(program.digest)
    if decoded.digest != own:
        raise ReplayDiverged(
            f"this schedule was recorded for another scenario, or before this one was changed: it carries the digest "
            f"{decoded.digest!r}, and {program.name} has {own!r}: replay it on the file as it was, or fuzz anew"
        )
    return Replay(decoded.choices)


def replay(program: Program, schedule: str, engine: str = "inline", **options: Any) -> Execution:
    """Execute ``program`` as ``schedule`` says; raises ReplayDiverged if it doesn't fit."""
    strategy = strategy_for(program, schedule)
    execution = execute(program, strategy, engine, **options)
    assert execution is not None  # a replay never has nothing left
    fits(program, strategy, execution)
    return execution


def fits(program: Program, strategy: Replay, execution: Execution) -> None:
    """Raise ReplayDiverged if the execution ended before the schedule did."""
    if strategy.unused and execution.stopped != "cut":
        raise ReplayDiverged(
            f"the execution of {program.name} ended after {execution.steps} steps with {strategy.unused} answers of the "
            "schedule unused: the scenario's steps or actors have changed since it was recorded"
        )
