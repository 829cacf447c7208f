"""What `run`, `replay`, `watch` and `fuzz` have in common: one execution is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dmabuf_async.cli import commands
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.single import INTERRUPTED, Shown
from dmabuf_async.strategies.replay import Replay

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.report.lines import Steps
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.base import Strategy
    from dmabuf_async.trace.events import Finding

_ENDS: Final = {
    "ended": "to the end",
    "deadlock": "to a deadlock",
    "cut": "cut there by --max-steps",
    INTERRUPTED: "interrupted there",
}


def described(strategy: Strategy, seed: int | None = None) -> str:
    """Who decided, in words."""
    if isinstance(strategy, Replay):
        return "replayed"
    name: str = getattr(strategy, "name", "")
    return name if seed is None or name != "random" else f"{name}, seed {seed}"


def report(
    console: Console,
    program: Program,
    shown: Shown,
    *,
    how: str,
    max_steps: int = MAX_STEPS,
    steps: Steps = "some",
) -> None:
    """Print one execution with its verdict."""
    execution, verdict = shown.execution, shown.verdict
    if console.as_json:
        from dmabuf_async.report import jsonl

        for event in execution.trace.events:
            console.line(jsonl.event_line(event))
        for finding in execution.findings:
            console.line(jsonl.finding_line(finding, execution.schedule))
        console.line(jsonl.verdict_line(verdict))
        return
    from dmabuf_async.report import lines
    from dmabuf_async.report.story import explained

    told = foremost(program, shown)
    reason = None if verdict.interrupted else explained(program, execution, told, max_steps=max_steps)
    text = lines.text(
        execution.trace,
        told,
        verdict=claim(program, shown, how),
        replay=commands.replay(program.name, execution.schedule, max_steps=max_steps),
        why=reason,
        passes=commands.replay(program.name, reason.passing, max_steps=max_steps) if reason else "",
        width=console.width,
        steps=steps,
    )
    console.lines(text)


def foremost(program: Program, shown: Shown) -> Finding | None:
    """The finding to be told first: an unexpected one, else an expected one."""
    primary = shown.execution.primary
    unexpected = (finding for finding in primary if finding.code not in program.findings)
    return next(unexpected, primary[0] if primary else None)


def claim(program: Program, shown: Shown, how: str) -> str:
    """The verdict on one execution, in words."""
    execution, verdict = shown.execution, shown.verdict
    steps = f"{execution.steps:,} step{'s' * (execution.steps != 1)}, {_ENDS.get(execution.stopped, execution.stopped)}"
    unexpected = dict.fromkeys(failure.finding.code for failure in verdict.failures if not failure.expected)
    expected = dict.fromkeys(failure.finding.code for failure in verdict.failures if failure.expected)
    if unexpected:
        wanted = f"it expects {' or '.join(program.findings) or 'that nothing is found'}"
        said = f"{verdict.strength}: the scenario does not expect {' and '.join(unexpected)}, {wanted}"
    elif expected:
        said = f"as expected: the scenario says that {' and '.join(expected)} can be found"
    elif program.findings and not verdict.interrupted:
        said = f"nothing found; {' or '.join(program.findings)}, which is expected, may come in other orders: fuzz it"
    else:
        said = "nothing found" if verdict.interrupted else "nothing found, as expected"
    if verdict.interrupted and not said.startswith(verdict.strength):
        said = f"{verdict.strength}; {said}"
    stubborn = f"; {', '.join(execution.stubborn)} did not end when told to" if execution.stubborn else ""
    least = next((f"; {failure.shrunk.claim}" for failure in verdict.failures if failure.shrunk is not None), "")
    return f"{said}{least}; 1 execution ({how}), {steps}{stubborn}"
