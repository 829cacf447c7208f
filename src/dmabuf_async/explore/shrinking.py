"""Shrinking: from a schedule that shows a finding to the smallest story that shows it, and a proof that it is.

First edits, each tried by a tolerant replay and kept if the same finding comes at less cost (Zeller and Hildebrandt,
"Simplifying and Isolating Failure-Inducing Input", IEEE TSE 2002, for taking out; ``ALGORITHMS``, Shrinking, for the
rest). What is kept is the schedule as it was realised. Then everything that is cheaper is exhausted: see
:mod:`~dmabuf_async.explore.least`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS, inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore import edits, least
from dmabuf_async.explore.cost import Cost, counted
from dmabuf_async.explore.following import follow
from dmabuf_async.explore.least import Least
from dmabuf_async.explore.segments import Made, Plan, planned
from dmabuf_async.explore.tolerant import Shows, TolerantReplay
from dmabuf_async.machine.clock import Fire
from dmabuf_async.ops import CALM, FALLIBLE
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.schedule import decode, encode

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.explore.following import Label
    from dmabuf_async.explore.verdict import Failure, Verdict
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding, Signature

INTERRUPTED: Final = "interrupted"
"""The bound of what an interrupt has ended."""

NOTHING: Final = 0
FAULTS: Final = 1
PREEMPTIONS: Final = 2
ALL: Final = 4
"""How many numbers of a cost are proved to be the least that there are."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest schedule that was found, for one finding."""

    finding: Finding
    """As it is there."""
    schedule: str
    """``dba1:...``"""
    choices: tuple[int, ...]
    labels: tuple[Label, ...]
    """Its transitions, up to the finding."""
    cost: Cost
    exact: int
    """So many numbers of the cost, from the left, are proved: no execution shows the finding for less."""
    bound: str
    """Where the proof was stopped; empty if all four are proved."""
    replays: int
    """Executions that were tried before."""
    states: int
    """States that the proof came to."""

    @property
    def proved(self) -> bool:
        """No execution at all shows the finding at less cost."""
        return self.exact == ALL

    @property
    def proof(self) -> str:
        """What is proved, in words; empty if it is nothing."""
        if self.exact == ALL:
            return "proved minimal"
        if self.exact >= PREEMPTIONS:
            return "proved minimal in faults and preemptions" if self.cost.faults else "proved minimal in preemptions"
        return "proved minimal in faults" if self.exact and self.cost.faults else ""

    @property
    def claim(self) -> str:
        """``this is the least: 1 preemption, 6 steps``, if that is proved; else what is, and why no more."""
        return f"this is the least: {self.cost}" if self.proved else f"shrunk to {self} ({self.bound})"

    def __str__(self) -> str:
        """``1 preemption, 6 steps, proved minimal``."""
        return ", ".join(filter(None, (str(self.cost), self.proof)))


def shrink(
    program: Program,
    choices: Sequence[int],
    signature: Signature,
    *,
    seconds: float = float("inf"),
    max_steps: int = MAX_STEPS,
    checkers: Iterable[Checker] = CHECKERS,
    max_places: int = least.LIMIT,
    show: Callable[[str], None] = lambda _: None,
) -> Shrunk:
    """The least schedule that shows the finding ``signature`` as a primary one, beginning from one that does.

    The same for the same schedule, as long as neither ``seconds`` nor ``max_places`` end it: then it is the best so
    far. So it is at an interrupt: ``show``, which is told now and then in words how far it is, may raise
    KeyboardInterrupt.

    Raises ReplayDiverged if the choices don't show the finding, or not each time.
    """
    checkers = tuple(checkers)
    shrinking = _Shrinking(program, signature, checkers, max_steps, time.monotonic() + seconds, show)
    shrinking.begin(choices)
    try:
        shrinking.edit()
        bound = shrinking.prove(max_places)
    except _OutOfTime:
        bound = f"stopped after {seconds:.3g} s"
    except KeyboardInterrupt:
        bound = INTERRUPTED
    return shrinking.result(bound)


def shrunken(
    program: Program,
    verdict: Verdict,
    first: Failure | None,
    *,
    seconds: float,
    max_steps: int = MAX_STEPS,
    show: Callable[[str], None] = lambda _: None,
) -> Verdict:
    """The same verdict with the least schedule of each unexpected failure, and of ``first`` before all.

    ``seconds`` are for all of them. A failure that no schedule alone shows stays as it is, and so does one whose
    schedule doesn't show it again, which is for whoever replays it to say.
    """
    began = time.monotonic()
    least: dict[Signature, Failure] = {}
    unexpected = (failure for failure in verdict.failures if failure.unexpected and failure is not first)
    for failure in (*(() if first is None else (first,)), *unexpected):
        left = seconds - (time.monotonic() - began)
        if failure.until or failure.edges or left <= 0:
            continue
        signature = failure.finding.signature
        choices = decode(failure.schedule).choices
        with suppress(ReplayDiverged):
            shrunk = shrink(program, choices, signature, seconds=left, max_steps=max_steps, show=show)
            least[signature] = replace(failure, finding=shrunk.finding, schedule=shrunk.schedule, shrunk=shrunk)
            if shrunk.bound == INTERRUPTED:
                break
    failures = tuple(least.get(failure.finding.signature, failure) for failure in verdict.failures)
    return replace(verdict, failures=failures)


class _OutOfTime(Exception):
    """The seconds are over."""


class _Shrinking:
    """The best so far, and what it takes to better it."""

    def __init__(
        self,
        program: Program,
        signature: Signature,
        checkers: tuple[Checker, ...],
        max_steps: int,
        until: float,
        show: Callable[[str], None],
    ) -> None:
        self._program = program
        self._signature = signature
        self._checkers = checkers
        self._until = until
        self._show = show
        self._replay = TolerantReplay(program, self._is_it, checkers=checkers, max_steps=max_steps)
        self._max_steps = max_steps
        self._tried: set[Plan] = set()
        self._least: Least | None = None
        self._exact = NOTHING
        self._labels: tuple[Label, ...] = ()
        self._cost: Cost
        self._plan: Plan

    def begin(self, choices: Sequence[int]) -> None:
        """Take the execution as it is."""
        made = _made(self._program, choices, self._checkers, self._max_steps)
        shows = self._replay.play(planned(made))
        if shows is None or list(shows.made) != made[: len(shows.made)]:
            raise ReplayDiverged(
                f"{self._program.name}: this schedule does not show {self._signature}, or not each time: it was "
                "recorded for another finding, the scenario has changed since, or it is not deterministic"
            )
        self._keep(shows)

    def result(self, bound: str) -> Shrunk:
        """What it has come to."""
        choices, _ = follow(self._program, self._labels, self._checkers)
        exact = self._exact
        if self._cost.faults == 0:  # there are no fewer
            exact = max(exact, FAULTS if self._cost.preemptions else PREEMPTIONS)
        return Shrunk(
            self._seen_in(choices),
            encode(self._program.digest, choices),
            choices,
            self._labels,
            self._cost,
            exact,
            bound,
            self._replay.replays,
            0 if self._least is None else self._least.states,
        )

    def _is_it(self, finding: Finding) -> bool:
        return finding.signature == self._signature

    def _seen_in(self, choices: Sequence[int]) -> Finding:
        """The finding in the execution that the core makes of the choices."""
        machine = self._program.machines()()
        watch = Watch(machine, self._checkers)
        inline.execute(machine, Replay(choices), watch=watch, max_steps=self._max_steps)
        for finding in watch.findings:
            if finding.primary and self._is_it(finding):
                return finding
        raise ReplayDiverged(
            f"{self._program.name} is not deterministic: the same steps showed {self._signature} once, and another "
            "time not: look for chance, time or state that outlives an execution in the scenario's code"
        )

    # Edits -----------------------------------------------------------------------

    def edit(self) -> None:
        """All edits, until none makes it cheaper."""
        while True:
            before = self._cost
            self._take_out(lambda: len(edits.droppable(self._plan)), edits.without_faults)
            self._take_out(lambda: len(self._plan.segments), edits.without_segments)
            self._each(edits.let_go_on)
            self._each(edits.pulled_forward)
            self._each(edits.put_off)
            self._each(edits.shortened)
            if self._cost == before:
                return

    def _take_out(self, count: Callable[[], int], without: Callable[[Plan, int, int], Plan]) -> None:
        """Delta debugging: take out halves, quarters, and so on, down to one at a time."""
        size = count()
        while size:
            at = 0
            while at < count():
                if not self._better(without(self._plan, at, at + size)):
                    at += size
            size //= 2

    def _each(self, edited: Callable[[Plan, int], Iterable[Plan]]) -> None:
        """Edit each segment in turn."""
        at = 0
        while at < len(self._plan.segments):
            if not any(self._better(plan) for plan in edited(self._plan, at)):
                at += 1

    def _better(self, plan: Plan) -> bool:
        """Whether the plan shows the finding at less cost; it is kept then."""
        if plan in self._tried:
            return False
        self._tried.add(plan)
        if time.monotonic() >= self._until:
            raise _OutOfTime
        self._show(f"{counted(self._replay.replays, 'replay')}, down to {self._cost}")
        shows = self._replay.play(plan, self._cost)
        if shows is None:
            return False
        self._keep(shows)
        return True

    def _keep(self, shows: Shows) -> None:
        self._labels = tuple(step.label for step in shows.made)
        self._cost = shows.cost
        self._plan = planned(shows.made)
        self._tried.add(self._plan)

    # Proof -----------------------------------------------------------------------

    def prove(self, max_places: int) -> str:
        """Exhaust what is cheaper, and find the least of all; why that could not be done, if it couldn't."""
        self._least = search = Least(self._program, self._is_it, checkers=self._checkers, max_places=max_places)
        most = self._cost[:2]
        try:
            while search.advance(most):
                self._know(search)
                if time.monotonic() >= self._until:
                    raise _OutOfTime
                faults, preemptions = search.layer
                told = f"{counted(faults, 'fault')}, {counted(preemptions, 'preemption')}"
                self._show(f"down to {self._cost}; proof: {search.states:,} states, {told}")
        finally:
            search.close()
        self._know(search)
        if search.full:
            return f"stopped at {search.places:,} places, the limit"
        if not search.found:
            return "the search for what is cheaper does not come to what the schedule shows"
        labels, cost = search.labels()
        if len(labels) > self._max_steps:
            return f"what is cheaper is longer than {self._max_steps:,} steps"
        self._labels, self._cost, self._exact = tuple(labels), cost, ALL
        return ""

    def _know(self, search: Least) -> None:
        """What the layers that are complete say of the cost."""
        faults, preemptions = search.layer
        if faults == self._cost.faults:
            self._exact = PREEMPTIONS if preemptions == self._cost.preemptions else FAULTS


def _made(program: Program, choices: Sequence[int], checkers: Iterable[Checker], max_steps: int) -> list[Made]:
    """The steps of the execution that the choices stand for, as far as they go, and then calm."""
    machine = program.machines()()
    watch = Watch(machine, checkers, trace=True)
    inline.execute(machine, Replay(choices), watch=watch, max_steps=max_steps)
    assert watch.steps is not None
    return [
        Made(
            step.actor.path,
            step.outcome,
            bool(step.op.needs & FALLIBLE),
            step.outcome != CALM or (step.actor.cpu is None and not isinstance(step.op, Fire)),
        )
        for step in watch.steps
    ]
