"""One call that explores a program, and tells what it found in columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.errors import ScenarioError
from dmabuf_async.explore.checking import check
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.replaying import strategy_for
from dmabuf_async.explore.searches import KINDS
from dmabuf_async.explore.shrinking import shrunken
from dmabuf_async.explore.single import single
from dmabuf_async.report.story import brief, told
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.catalogue import STRATEGIES
from dmabuf_async.strategies.catalogue import strategy as made

if TYPE_CHECKING:
    from dmabuf_async.explore.verdict import Verdict
    from dmabuf_async.machine.machine import Machine

EXECUTIONS: Final = 500
"""Of a sampling, if nothing else is said."""

SHRINKING: Final = 5.0
"""Seconds for making the schedule of a finding the least one."""

WIDTH: Final = 100
"""Of what is told, in characters."""

WAYS: Final = (*(name for name in STRATEGIES if name != "calm"), *KINDS)
"""What ``strategy`` may be: those that sample, and the exhaustive searches."""


_LEAST: Final = {"executions": 1, "preemptions": 0, "faults": 0}


class FoundError(AssertionError):
    """An exploration did not come out as its program expects; the message is the report."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """What was explored, and what came of it."""

    program: Program
    verdict: Verdict
    max_steps: int = MAX_STEPS

    def raise_on_finding(self) -> Exploration:
        """Raise :class:`FoundError` unless all is as expected and everything that was asked has been explored.

        It returns itself, so that the verdict can be used in the same line.
        """
        __tracebackhide__ = True  # the message is all that pytest need show
        if self.verdict.exit_code:
            raise FoundError(self.text())
        return self

    @property
    def summary(self) -> str:
        """What came of it, in one line."""
        verdict = self.verdict
        unexpected = dict.fromkeys(failure.finding.code for failure in verdict.failures if failure.unexpected)
        if unexpected:
            said = f"{', '.join(unexpected)} found"
        elif verdict.missing:
            said = f"{' or '.join(verdict.missing)} never found"
        elif verdict.unseen:
            said = f"never witnessed: {', '.join(verdict.unseen)}"
        else:
            said = "nothing found" if not verdict.failures else "as expected"
        strength = f"{verdict.strength} ({verdict.bound})" if verdict.bound else verdict.strength
        return f"{said}; {strength}, {verdict.executions:,} execution{'s' * (verdict.executions != 1)}"

    def text(self, command: Callable[[str], str] | None = None, width: int = WIDTH) -> str:
        """All of it as text: the first unexpected finding in columns, and the others in a line each.

        ``command`` says what to type to see the execution of a schedule again.
        """
        says = self._command if command is None else command
        lines = [self.summary]
        shown = [failure for failure in self.verdict.failures if failure.unexpected]
        for failure in shown[:1]:
            story = told(self.program, self.verdict, failure, replay=says, max_steps=self.max_steps, width=width)
            lines += ["", *(line.text for line in story)]
        for failure in shown[1:]:
            lines += ["", *(line.text for line in brief(self.verdict, failure, says))]
        return "\n".join(lines)

    def _command(self, schedule: str) -> str:
        return f"replay({self.program.name}, {schedule!r})"


def replayed(program: Program, schedule: str, *, max_steps: int = MAX_STEPS) -> Exploration:
    """The one execution that a schedule stands for. Raises ScheduleError or ReplayDiverged if it doesn't fit."""
    shown = perform(single(program, strategy_for(program, schedule), max_steps=max_steps))
    return Exploration(program, shown.verdict, max_steps)


def explore(
    subject: Program | Callable[[Machine], object],
    strategy: str = "portfolio",
    *,
    executions: int | None = None,
    seed: int | None = None,
    preemptions: int | None = None,
    faults: int | None = None,
    seconds: float = float("inf"),
    max_steps: int = MAX_STEPS,
) -> Exploration:
    """Explore a program, or a function that furnishes a machine: sample it, or exhaust it.

    ``strategy`` is one of :data:`WAYS`: ``portfolio``, ``random``, ``pct``, ``pos``, ``urw``, ``surw``, ``delay``
    make so many ``executions``, the same ones for the same ``seed``; ``auto``, ``dpor``, ``graph`` and ``both`` make
    all that there are. With ``preemptions`` or ``faults`` all schedules with at most so many are made, and no strategy
    is asked. It stops after so many ``seconds``. The schedule of each unexpected finding is made the least one.

    Raises ScenarioError for a strategy that there is not, a number that cannot be meant, and an option that would be
    ignored.
    """
    program = subject if isinstance(subject, Program) else from_function(subject)
    _refuse(strategy, seconds, executions=executions, seed=seed, preemptions=preemptions, faults=faults)
    if preemptions is not None or faults is not None:
        verdict = check(program, preemptions=preemptions, faults=faults, seconds=seconds, max_steps=max_steps)
    elif strategy in KINDS:
        verdict = check(program, strategy, seconds=seconds, max_steps=max_steps)
    else:
        verdict = _sampled(program, strategy, executions, seed or 0, seconds, max_steps)
    if not verdict.interrupted:
        verdict = shrunken(program, verdict, None, seconds=min(SHRINKING, seconds), max_steps=max_steps)
    return Exploration(program, verdict, max_steps)


def _sampled(program: Program, name: str, executions: int | None, seed: int, seconds: float, max_steps: int) -> Verdict:
    return perform(
        fuzz(program, made(name, seed), executions=executions or EXECUTIONS, seconds=seconds, max_steps=max_steps)
    )


def _refuse(name: str, seconds: float, **options: int | None) -> None:
    """Raise ScenarioError for what cannot be meant."""
    for option, value in options.items():
        if value is not None and (type(value) is not int or value < _LEAST.get(option, value)):
            up = f" from {_LEAST[option]} up" if option in _LEAST else ""
            raise ScenarioError(f"{option} is {value!r}, and a whole number{up} was expected")
    given_seconds: object = seconds  # whoever writes a mark is not checked
    if not isinstance(given_seconds, int | float) or given_seconds <= 0:
        raise ScenarioError(f"seconds is {seconds!r}, and a number above 0 was expected")
    given = [option for option, value in options.items() if value is not None]
    bounds = [option for option in given if option in ("preemptions", "faults")]
    samples = [option for option in given if option in ("executions", "seed")]
    if name not in WAYS:
        raise ScenarioError(f"there is no strategy {name!r}: take one of {', '.join(WAYS)}")
    if bounds and (samples or name not in ("portfolio", "auto")):
        other = samples[0] if samples else f"the strategy {name!r}"
        raise ScenarioError(
            f"{bounds[0]} and {other} don't go together: with a bound all schedules within it are explored, and none "
            "is sampled; leave out one of the two"
        )
    if samples and name in KINDS:
        raise ScenarioError(
            f"the search {name!r} would ignore {samples[0]}: it explores all executions; leave it out, or take a "
            "strategy that samples"
        )
