"""Why a scenario is not as expected, for whatever format tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from dmabuf_async.explore.verdict import Failure, Verdict

Replays: TypeAlias = "Callable[[Verdict, str], str]"
"""The command line that shows the execution of a schedule again."""

_CONCLUSIVE: Final = frozenset({1, 5})
"""Exit codes after which what was not seen may be held against the scenario (DESIGN 10)."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, in words."""

    tag: Literal["failure", "error"]
    """What is held against the scenario, or why nothing can be said of it."""
    kind: str
    """The code of a finding, or one word."""
    message: str
    details: tuple[str, ...] = ()
    failure: Failure | None = None
    """Whose reason it is, if it is one's."""


def reasons(verdict: Verdict, replay: Replays) -> list[Reason]:
    """All reasons, the most telling first; none if the verdict is as expected."""
    found = [*_failures(verdict, replay), *_errors(verdict)]
    if not found and not verdict.as_expected:
        found.append(Reason("error", "exit", f"ended with exit code {verdict.exit_code}"))
    return found


def of_failure(verdict: Verdict, failure: Failure, replay: Replays) -> Reason:
    """The reason that a finding is."""
    finding = failure.finding
    rule = f" ({finding.rule})" if finding.rule else ""
    shown = (*_shown(verdict, failure, replay), f"explain  dmabuf-async explain {finding.code}")
    return Reason("failure", finding.code, f"{finding.code}{rule}: {finding.message}", shown, failure)


def effort(verdict: Verdict) -> str:
    """What the verdict rests on."""
    cut = f", {verdict.cut} cut at the step limit" if verdict.cut else ""
    extent = f"; {verdict.extent}" if verdict.extent else ""
    return f"{verdict.strength}{extent}; {verdict.executions} executions, {verdict.steps} steps{cut}"


def _failures(verdict: Verdict, replay: Replays) -> Iterator[Reason]:
    for failure in verdict.failures:
        if failure.unexpected:
            yield of_failure(verdict, failure, replay)
    if verdict.interrupted or verdict.exit_code not in _CONCLUSIVE:
        return
    if verdict.missing:
        yield Reason("failure", "missing", f"none of the expected findings came: {', '.join(verdict.missing)}")
    if verdict.unseen:
        yield Reason("failure", "vacuous", f"never witnessed: {', '.join(verdict.unseen)}")


def _shown(verdict: Verdict, failure: Failure, replay: Replays) -> Iterator[str]:
    """Where it was, and the command that shows it again; for a circle over several executions, of each edge."""
    finding = failure.finding
    if not failure.edges:
        yield f"at step {finding.step}, by {finding.actor}, in execution {failure.execution}"
        yield f"replay   {replay(verdict, failure.schedule)}"
    for shown in failure.edges:
        edge = shown.edge
        yield f"{edge.actor} takes {edge.taken} while it holds {edge.held}, in execution {shown.execution}"
        yield f"replay   {replay(verdict, shown.schedule)}"


def _errors(verdict: Verdict) -> Iterator[Reason]:
    if verdict.error:
        yield Reason("error", "scenario", verdict.error)
    elif verdict.interrupted:
        yield Reason("error", "interrupted", f"interrupted: {effort(verdict)}")
    elif verdict.strength.startswith("unfinished"):
        left = (f"left: {verdict.left}",) if verdict.left else ()
        yield Reason(
            "error", "unfinished", f"{verdict.bound or 'stopped before anything was proved'}: {effort(verdict)}", left
        )
