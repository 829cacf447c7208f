"""Replay: the same schedule shows the same execution, or it is said why it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.execution import Execution, perform
from dmabuf_async.explore.single import single
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
    """Execute ``program`` as ``schedule`` says; raises ReplayDiverged if it doesn't fit. Options as of `execution`."""
    return perform(single(program, strategy_for(program, schedule), **options), engine).execution
