"""Tolerant replay: as a plan says, as far as that goes, and without preemption where it says nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dmabuf_async.engine.advancing import Untabled
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.cost import Cost
from dmabuf_async.explore.segments import Made, Path, Plan
from dmabuf_async.ops import CALM, FALLIBLE

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.stepper import Move
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding


@dataclass(frozen=True, slots=True)
class Shows:
    """An execution up to the finding that is asked for."""

    made: tuple[Made, ...]
    cost: Cost


class TolerantReplay:
    """Replays plans of one program until they show a finding that is ``wanted``, as a primary one."""

    def __init__(
        self, program: Program, wanted: Callable[[Finding], bool], *, checkers: Iterable[Checker], max_steps: int
    ) -> None:
        self._machines = program.machines()
        self._wanted = wanted
        self._checkers = tuple(checkers)
        self._max_steps = max_steps
        self._memories: dict[Hashable, int] = {}
        self._live = not program.tabled  # tables pay where a machine is used again
        self.replays = 0
        """How many there have been."""

    def play(self, plan: Plan, than: Cost | None = None) -> Shows | None:
        """The execution, if it shows the finding, and at less cost ``than`` that.

        A segment goes on until its length, to where its actor has to wait, or to its end. An outcome is that of the
        plan where the op can have it, else calm. Where the segments have run out, whoever ran last goes on, and if
        that cannot, the lowest actor.
        """
        self.replays += 1
        try:
            return self._play(plan, than)
        except Untabled:
            self._live = True
            return self._play(plan, than)

    def _play(self, plan: Plan, than: Cost | None) -> Shows | None:
        machine = self._machines()
        watch = Watch(machine, self._checkers)
        self._live = self._live or watch.audited  # which looks at coroutines
        machine.tabled = not self._live
        stepper = Stepper(machine, watch, self._memories, live=self._live)
        try:
            return _Playing(stepper, plan, self._wanted).to_the_finding(self._max_steps, than)
        finally:
            stepper.close()


class _Playing:
    """One replay."""

    def __init__(self, stepper: Stepper, plan: Plan, wanted: Callable[[Finding], bool]) -> None:
        self._stepper = stepper
        self._segments = iter(plan.segments)
        self._path: Path = ()
        self._left = 0  # steps of the present segment
        self._outcomes = plan.outcomes
        self._tried: dict[Path, int] = {}  # ops that can fail, of each actor
        self._wanted = wanted

    def to_the_finding(self, max_steps: int, than: Cost | None) -> Shows | None:
        stepper = self._stepper
        findings = stepper.seen.findings
        made: list[Made] = []
        last: Actor | None = None
        faults = preemptions = switches = 0
        looked = 0
        while True:
            if self._shown(findings[looked:]):
                return Shows(tuple(made), Cost(faults, preemptions, switches, len(made)))
            looked = len(findings)
            moves = stepper.moves()
            if not moves:
                stepper.judge()
                if self._shown(findings[looked:]):
                    return Shows(tuple(made), Cost(faults, preemptions, switches, len(made)))
                return None
            if len(made) == max_steps:
                return None
            move = self._planned(moves) or self._calm(moves, last)
            actor, outcome = move
            fault = outcome != CALM or not actor.ready
            faults += fault
            if actor.cpu is not None:
                if last is not None and last is not actor:
                    switches += 1
                    preemptions += last.ready
                last = actor
            fallible = bool(actor.needs & FALLIBLE)
            if fallible:
                self._tried[actor.path] = self._tried.get(actor.path, 0) + 1
            made.append(Made(actor.path, outcome, fallible, fault))
            if than is not None and (faults, preemptions, switches, len(made)) >= than:
                return None
            stepper.make(move)

    def _shown(self, findings: list[Finding]) -> bool:
        return any(finding.primary and self._wanted(finding) for finding in findings)

    def _planned(self, moves: list[Move]) -> Move | None:
        """What the plan wants next, if it can be had; a segment that cannot go on is over."""
        while True:
            if self._left:
                self._left -= 1
                move = self._move(moves, self._path)
                if move is not None:
                    return move
            segment = next(self._segments, None)
            if segment is None:
                return None
            self._path, self._left = segment.path, segment.steps

    def _calm(self, moves: list[Move], last: Actor | None) -> Move:
        """Nobody is preempted, and nothing fails but as the plan says."""
        ready = self._stepper.ready
        actor = last if last is not None and last.ready else min(ready, key=lambda actor: actor.path)
        return self._move(moves, actor.path) or (actor, CALM)

    def _move(self, moves: list[Move], path: Path) -> Move | None:
        """What this actor can do: with the outcome that the plan says, else with the calm one."""
        possible = [move for move in moves if move[0].path == path]
        wanted = self._outcomes.get((path, self._tried.get(path, 0)), CALM)
        for outcome in (wanted, CALM):
            for move in possible:
                if move[1] == outcome:
                    return move
        return None
