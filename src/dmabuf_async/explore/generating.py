"""Generated scenarios: many small campaigns against one exporter, and the smallest scenario that shows what was found.

Hypothesis draws the scenarios and shrinks the first that shows something, as it does in tests (MacIver, Hatfield-Dodds
and others, "Hypothesis: A new approach to property-based testing", JOSS 2019). A scenario fails if one of a few
executions shows a finding; the dice of these are always the same, so that it fails each time or never.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.accepted import nothing
from dmabuf_async.explore.execution import Job, Jobs
from dmabuf_async.explore.fuzzing import quiet_collector
from dmabuf_async.explore.judging import evidence
from dmabuf_async.explore.progress import Progress
from dmabuf_async.scenario.drawing.simpler import simpler
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.schema import Scenario, digest

if TYPE_CHECKING:
    from dmabuf_async.explore.accepted import Accepts
    from dmabuf_async.explore.verdict import Failure
    from dmabuf_async.strategies.base import Strategy

COLLECT_EVERY = 50
"""Scenarios between two collections of garbage."""


class Decided(NamedTuple):
    """What a few executions of a drawn scenario showed."""

    failures: tuple[Failure, ...]
    """The unexpected ones; executions end with the first that has one."""
    executions: int
    steps: int
    cut: int


@dataclass
class Generated:
    """What came of a campaign, or of as much of it as there was time for."""

    scenarios: int = 0
    """Different ones that were decided, those among them that shrinking tried."""
    executions: int = 0
    steps: int = 0
    cut: int = 0
    smallest: Scenario | None = None
    """The smallest that shows ``code``; None: nothing was found."""
    code: str = ""
    first: int = 0
    """The number of the scenario that showed it first, from 1."""
    done: bool = False
    """Neither time nor an interrupt ended it."""
    interrupted: bool = False
    known: dict[bytes, tuple[str, ...]] = field(default_factory=dict, repr=False)


class _OutOfTime(BaseException):
    """Not an Exception, so that Hypothesis doesn't take it for a failure of the test."""


class _Broken(Exception):
    """A drawn scenario shows what is looked for."""


def decide(
    program: Program,
    strategy: Strategy,
    *,
    executions: int,
    max_steps: int = MAX_STEPS,
    accepts: Accepts = nothing,
    show: Callable[[Progress], None] = lambda _: None,
) -> Jobs[Decided]:
    """The jobs of at most so many executions, up to the first that shows what is neither expected nor known."""
    machines = program.machines()
    progress = Progress()
    for index in range(executions):
        machine = machines()
        watch = Watch(machine, CHECKERS)
        core = yield Job(machine, strategy, watch, max_steps, index)
        if core is None:
            break
        progress.note(program, watch, core)
        show(progress)
        if progress.failures and evidence(program, progress, accepts).unexpected:
            break
    found = tuple(one for one in evidence(program, progress, accepts).failures if one.unexpected)
    return Decided(found, progress.executions, progress.steps, progress.cut)


def generate(
    scenario: Scenario,
    decided: Callable[[Scenario], Decided],
    *,
    scenarios: int,
    seed: int = 0,
    seconds: float = float("inf"),
    shrinks: bool = True,
) -> Generated:
    """Draw at most so many scenarios against the exporters of ``scenario``, until one of them shows something.

    Then look for the smallest that shows a finding of the same code. ``decided`` performs the executions of one, and
    may raise KeyboardInterrupt, which ends it with what there is by then. The same seed draws the same scenarios.
    """
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    from dmabuf_async.scenario.drawing.strategies import scenarios as strategy

    told = Generated()
    ends = time.monotonic() + seconds

    @seeded(seed)
    @settings(
        max_examples=scenarios,
        phases=[Phase.generate, *([Phase.shrink] if shrinks else [])],
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(strategy(scenario))
    def holds(one: Scenario) -> None:
        if time.monotonic() >= ends:
            raise _OutOfTime
        if told.scenarios % COLLECT_EVERY == 0:
            collect()
        codes = _codes(told, one, decided)
        if codes and not told.code:
            told.code, told.first = next(iter(codes)), told.scenarios
        if told.code in codes:
            if told.smallest is None or _size(one) < _size(told.smallest):
                told.smallest = one
            raise _Broken

    with quiet_collector() as collect:
        try:
            with suppress(_Broken):
                holds()
            if shrinks:
                _simplify(told, decided, ends)
            told.done = True
        except _OutOfTime:
            pass
        except KeyboardInterrupt:
            told.interrupted = True
    return told


def _simplify(told: Generated, decided: Callable[[Scenario], Decided], ends: float) -> None:
    """Take out of the smallest scenario whatever it does not take."""
    before = None
    while told.smallest is not before and told.smallest is not None:
        before = told.smallest
        for one in simpler(before):
            if time.monotonic() >= ends:
                raise _OutOfTime
            if told.code in _codes(told, one, decided):
                told.smallest = one
                break


def _codes(told: Generated, one: Scenario, decided: Callable[[Scenario], Decided]) -> tuple[str, ...]:
    """The codes of what a scenario shows; one that was decided before is not again."""
    identity = digest(one)
    codes = told.known.get(identity)
    if codes is None:
        result = decided(one)
        told.scenarios += 1
        told.executions += result.executions
        told.steps += result.steps
        told.cut += result.cut
        codes = told.known[identity] = tuple(dict.fromkeys(failure.finding.code for failure in result.failures))
    return codes


def _size(scenario: Scenario) -> tuple[int, int, int]:
    """Fewer tasks are smaller, then fewer steps, then fewer of the rest."""
    steps = sum(len(task.steps) * task.repeat for task in scenario.tasks)
    return len(scenario.tasks), steps, len(scenario.buffers) + len(scenario.devices)
