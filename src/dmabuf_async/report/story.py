"""What a failure is told by: the execution that shows it, in columns, and why; or a few lines, if others come first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.replaying import replay as replayed
from dmabuf_async.explore.verdict import CORPUS
from dmabuf_async.explore.why import why
from dmabuf_async.report.lanes import printable
from dmabuf_async.report.lines import Line, text

if TYPE_CHECKING:
    from dmabuf_async.explore.execution import Execution
    from dmabuf_async.explore.verdict import Failure, Verdict
    from dmabuf_async.explore.why import Why
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding


def told(
    program: Program,
    verdict: Verdict,
    failure: Failure,
    execution: Execution | None = None,
    *,
    replay: Callable[[str], str],
    max_steps: int = MAX_STEPS,
    width: int = 100,
) -> list[Line]:
    """What broke, the execution that shows it if one alone does, why, and how to see the others.

    ``execution`` is that one, if it is there already; ``replay`` the command that shows a schedule. Raises
    ReplayDiverged if the schedule doesn't fit.
    """
    if failure.edges:
        return [
            *brief(verdict, failure, replay),
            Line(f"  verdict  {verdict.strength}; no execution shows it alone", "plain"),
            Line(f"  explain  dmabuf-async explain {failure.finding.code}", "plain"),
        ]
    if execution is None:
        execution = replayed(program, failure.schedule, max_steps=failure.until or max_steps)
    reason = None if failure.until else explained(program, execution, failure.finding, max_steps=max_steps)
    return text(
        execution.trace,
        failure.finding,
        verdict=f"{verdict.strength}; {claim(verdict, failure)}",
        replay=replay(failure.schedule),
        why=reason,
        passes=replay(reason.passing) if reason is not None else "",
        width=width,
        steps="all" if failure.until else "some",  # no single step shows it
    )


def brief(verdict: Verdict, failure: Failure, replay: Callable[[str], str]) -> list[Line]:
    """A failure without its execution."""
    lines = [Line(f"x {failure.finding.code}   {printable(failure.finding.message)}", "finding")]
    for shown in failure.edges:
        edge = shown.edge
        says = f"{edge.actor} takes {edge.taken} while it holds {edge.held}: execution {shown.execution:,}"
        lines.append(Line(f"  edge     {printable(says)}", "plain"))
        lines.append(Line(f"  replay   {replay(shown.schedule)}", "plain"))
    if not failure.edges:
        lines.append(Line(f"  verdict  {claim(verdict, failure)}", "plain"))
        lines.append(Line(f"  replay   {replay(failure.schedule)}", "plain"))
    return lines


def explained(
    program: Program, execution: Execution, finding: Finding | None, *, max_steps: int = MAX_STEPS
) -> Why | None:
    """Why the execution shows the finding; None if there is none, or if it is not of one step."""
    if finding is None or not finding.step:
        return None
    return why(program, execution, finding, max_steps=max_steps)


def claim(verdict: Verdict, failure: Failure) -> str:
    """What it takes to see it, and how often it was seen."""
    least = "" if failure.shrunk is None else f"{failure.shrunk.claim}; "
    return f"{least}{_often(verdict, failure)}"


def first(failure: Failure) -> str:
    """Which execution showed it first."""
    return f"number {failure.execution:,} ({failure.by})" if failure.by else f"number {failure.execution:,}"


def _often(verdict: Verdict, failure: Failure) -> str:
    """How often it was found; or, better, how often random executions show it."""
    chance = failure.chance
    if chance is not None:
        if chance > 0.01:
            return f"{100 * chance:.3g}% of random executions show it"
        return f"1 in {1 / chance:,.0f} random executions shows it"
    count = verdict.counts.get(failure.finding.signature, 1)
    if failure.by == CORPUS:
        return f"shown again by what is remembered, and by none of {verdict.executions:,} other executions"
    finders = ", ".join(f"{name} {times:,}" for name, times in _finders(verdict, failure))
    who = f" ({finders})" if finders else ""
    return f"found by {count:,} of {verdict.executions:,} executions{who}, first by {first(failure)}"


def _finders(verdict: Verdict, failure: Failure) -> list[tuple[str, int]]:
    """Which members of a portfolio found it, and how often; who did so most comes first."""
    return sorted(verdict.finders.get(failure.finding.signature, {}).items(), key=lambda one: (-one[1], one[0]))
