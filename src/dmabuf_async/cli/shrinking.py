"""``replay --shrink``: in the place of an execution, the least that shows the same finding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dmabuf_async.cli import exits
from dmabuf_async.cli.execution import foremost
from dmabuf_async.cli.interrupts import noted
from dmabuf_async.cli.progress import Progress
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.replaying import strategy_for
from dmabuf_async.explore.shrinking import INTERRUPTED, shrink
from dmabuf_async.explore.single import Shown, single

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.scenario.program import Program

SECONDS: Final = 60.0
"""The proof is stopped after so many."""


def least(console: Console, program: Program, shown: Shown, *, max_steps: int) -> Shown:
    """The least execution that shows what this one shows first; this one, if it shows nothing.

    An interrupt gives the best so far.
    """
    finding = foremost(program, shown)
    if finding is None:
        console.complain(f"{program.name}: this execution shows no finding, so that there is nothing to shrink")
        return shown
    with Progress(console, 1) as progress, noted() as look:
        draw = progress.shrinking(program.name)

        def show(words: str) -> None:
            draw(words)
            look()

        shrunk = shrink(
            program, shown.execution.choices, finding.signature, seconds=SECONDS, max_steps=max_steps, show=show
        )
    again = perform(single(program, strategy_for(program, shrunk.schedule), max_steps=max_steps))
    failures = tuple(
        replace(failure, shrunk=shrunk) if failure.finding.signature == finding.signature else failure
        for failure in again.verdict.failures
    )
    code = exits.INTERRUPTED if shrunk.bound == INTERRUPTED else again.verdict.exit_code
    return Shown(again.execution, replace(again.verdict, failures=failures, exit_code=code))
