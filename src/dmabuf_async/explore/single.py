"""One execution for somebody to look at: what it showed, even if it was interrupted, and what may be claimed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.execution import Execution, Jobs, execution, is_interrupt
from dmabuf_async.explore.verdict import Failure, Verdict
from dmabuf_async.strategies.base import STOP, ChoicePoint
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.strategies.wrapper import Wrapper
from dmabuf_async.trace.events import Trace
from dmabuf_async.trace.schedule import encode

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.base import Strategy


@dataclass(frozen=True, slots=True)
class Shown:
    """An execution and its verdict."""

    execution: Execution
    verdict: Verdict


def single(
    program: Program,
    strategy: Strategy,
    *,
    see: Callable[[Machine, Watch], Callable[[], None]] | None = None,
    **options: Any,
) -> Jobs[Shown]:
    """The jobs of one execution; options as of `execution`.

    An interrupt ends it with what was seen so far. Raises ReplayDiverged, with
    the step, if a schedule doesn't fit the program.
    """
    noted = _Noted(strategy)
    began = time.monotonic()
    seen: list[tuple[Machine, Watch]] = []

    def look(machine: Machine, watch: Watch) -> Callable[[], None]:
        seen.append((machine, watch))
        return _nothing if see is None else see(machine, watch)

    try:
        done = yield from execution(program, noted, see=look, **options)
    except ReplayDiverged as error:
        raise ReplayDiverged(f"{program.name}, step {seen[-1][1].step + 1}: {error}") from error
    except BaseException as error:
        if not is_interrupt(error, program) or not seen:
            raise
        done = _so_far(program, noted, seen[-1])
    assert done is not None  # a strategy that looks at one execution has that one left
    if isinstance(strategy, Replay) and done.stopped != INTERRUPTED:
        fits(program, strategy, done)
    return Shown(done, judge(program, strategy, done, time.monotonic() - began))


INTERRUPTED = "interrupted"
"""What ``Execution.stopped`` says of one that an interrupt ended."""


def fits(program: Program, strategy: Replay, execution: Execution) -> None:
    """Raise ReplayDiverged if the execution ended before the schedule did."""
    if strategy.unused and execution.stopped != "cut":
        found = "" if execution.primary else " and without a finding"
        unused = f"{strategy.unused} answer{'s' * (strategy.unused != 1)}"
        raise ReplayDiverged(
            f"{program.name}: the execution ended after {execution.steps} steps{found}, with {unused} of the schedule "
            "unused: the scenario's steps or actors have changed since it was recorded"
        )


def judge(program: Program, strategy: Strategy, execution: Execution, seconds: float) -> Verdict:
    """What one execution may claim: a finding that was expected and didn't come is no failure (DESIGN 10)."""
    counted: dict[str, Failure] = {}
    for finding in execution.primary:
        expected = finding.code in program.findings
        counted.setdefault(str(finding.signature), Failure(finding, execution.schedule, 1, expected))
    failures = tuple(counted.values())
    interrupted = execution.stopped == INTERRUPTED
    unexpected = any(not failure.expected for failure in failures)
    name = getattr(strategy, "name", type(strategy).__name__)
    if interrupted:
        strength, code = "unfinished", 130
    elif unexpected:
        strength, code = "refuted", 1
    else:
        strength, code = "replayed" if isinstance(strategy, Replay) else f"sampled 1 ({name})", 0
    return Verdict(
        scenario=program.name,
        strength=strength,
        executions=1,
        steps=execution.steps,
        seconds=seconds,
        cut=int(execution.stopped == "cut"),
        failures=failures,
        counts={failure.finding.signature: 1 for failure in failures},
        interrupted=interrupted,
        exit_code=code,
    )


class _Noted(Wrapper):
    """Keeps the answers of a strategy, for they are lost with an execution that is interrupted."""

    def __init__(self, strategy: Strategy) -> None:
        super().__init__(strategy)
        self.choices: list[int] = []

    def choose(self, point: ChoicePoint) -> int:
        choice = super().choose(point)
        if choice != STOP:
            self.choices.append(choice)
        return choice


def _so_far(program: Program, noted: _Noted, seen: tuple[Machine, Watch]) -> Execution:
    machine, watch = seen
    events = tuple(step.event(number) for number, step in enumerate(watch.steps or (), 1))
    names = dict.fromkeys([*(actor.name for actor in machine.actors), *(event.actor for event in events)])
    findings = tuple(watch.findings)
    return Execution(
        trace=Trace(tuple(names), events, findings),
        findings=findings,
        choices=tuple(noted.choices),
        schedule=encode(program.digest, noted.choices),
        steps=len(events),
        stopped=INTERRUPTED,
        reached=frozenset(watch.reached),
        lock_edges=watch.lock_edges(),
        stubborn=(),
    )


def _nothing() -> None:
    """Nobody looks."""
