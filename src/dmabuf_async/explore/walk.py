"""The walk: depth first with a stepper that takes its steps back, as the state graph and the bounded search go.

What tables don't hold (:mod:`~dmabuf_async.engine.rebirth`, and whatever is cancelled) is walked by executions that
begin anew wherever the search turns back.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar

from dmabuf_async.engine.advancing import Untabled
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.following import follow
from dmabuf_async.explore.guarding import repeats
from dmabuf_async.explore.progress import Progress
from dmabuf_async.explore.search import SLICE
from dmabuf_async.explore.verdict import Failure
from dmabuf_async.trace.schedule import encode

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.stepper import Move, Taken
    from dmabuf_async.explore.following import Label
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding

LOOK_EVERY: Final = 64
"""Transitions between two looks at the clock."""


class Frame:
    """One stop of the path that is being walked."""

    __slots__ = ("label", "next", "taken")

    def __init__(self, label: Label | None, taken: Taken | None) -> None:
        self.next = 0  # which of its moves comes next
        self.label = label  # of the transition that led here
        self.taken = taken  # what undoes it


AnyFrame = TypeVar("AnyFrame", bound=Frame)


class Walk(Generic[AnyFrame]):
    """The half of a :class:`~dmabuf_async.explore.search.Search` that goes forward and back."""

    called: ClassVar[str]
    """In words."""

    def __init__(self, program: Program, max_steps: int, checkers: Iterable[Checker]) -> None:
        self.program = program
        self.progress = Progress()
        self.full = False
        """Something was left out for want of room."""
        self._max_steps = max_steps
        self._checkers = tuple(checkers)
        self._machines = program.machines()
        self._live = False
        self._stepper: Stepper | None = None
        self._learned: Stepper | None = None  # whose tables have not been tried again
        self._memories: dict[Hashable, int] = {}
        self._path: list[AnyFrame] = []
        self._ends = 0  # that live actors have come to
        self._ways: list[tuple[int, list[Label]]] = []  # to some of these, to be gone again: how often

    # As a search -----------------------------------------------------------------

    def advance(self) -> bool:
        """Go on for about a slice; False once every transition is known, or there is no room."""
        due = time.monotonic() + SLICE
        try:
            while self._path or self._begin():
                for _ in range(LOOK_EVERY):
                    if not self._step():
                        break
                if time.monotonic() >= due:
                    return True
        except Untabled:
            self._anew()
            return True
        return False

    def confirm(self) -> None:
        """That tasks do again what their tables have, once all is known; or, without tables, what they did on a way."""
        ways, self._ways = self._ways, []
        for times, labels in ways:
            self._go_again(labels, times)
            self.close()  # it does not stand where the search does
        if self._learned is None or self._live or self._path or self.program.tabled:
            return
        learned, self._learned = self._learned, None
        try:
            learned.retrace()
        except ReplayDiverged as error:
            raise ReplayDiverged(f"{self.program.name}: {error}") from error

    def _go_again(self, labels: Sequence[Label], times: int) -> None:
        """Go a way so many times, and hold each to the first."""
        first: list[tuple[str, str, Hashable]] = []
        for _ in range(times):
            stepper = self._fresh()
            gone = []
            for label in labels:
                move = next((move for move in stepper.moves() if (move[0].path, move[1]) == label), None)
                if move is None or move[0].op is None:
                    break
                text = move[0].op.describe()
                stepper.make(move)
                gone.append((move[0].name, text, stepper.key()))
            first = first or gone
            for number, (was, now) in enumerate(zip_longest(first, gone), 1):
                if was != now:
                    name = (was or now)[0]
                    did = "could not go on" if now is None or was is None else f"came to another state by `{now[1]}`"
                    raise ReplayDiverged(
                        f"{self.program.name} is not deterministic: when the same way was gone again, {name} {did}, at "
                        f"step {number}. Look for chance, time or state that outlives an execution in the scenario's "
                        "code"
                    )

    def checkpoint(self) -> bytes:
        """Nothing: states are known within one process only, so it begins anew."""
        return b""

    def resume(self, checkpoint: bytes) -> None:
        if checkpoint:
            raise ValueError(f"the {self.called} keeps no checkpoints")

    def close(self) -> None:
        """Leave no coroutine suspended. What is known stays."""
        if self._stepper is not None:
            self._stepper.close()
            self._stepper = None

    # Forward and back --------------------------------------------------------------

    def _begin(self) -> bool:
        """Enter where the program begins, unless nothing is left."""
        raise NotImplementedError

    def _step(self) -> bool:
        """Make one transition, or go back by one; False where the path ends."""
        raise NotImplementedError

    def _anew(self) -> None:
        """Begin again with actors that are resumed: the tables don't hold them."""
        self.close()
        self._live = True
        self._path.clear()
        progress = self.progress
        progress.executions = progress.steps = progress.cut = 0
        for known in (progress.failures, progress.counts, progress.reached):
            known.clear()

    def _fresh(self) -> Stepper:
        """A stepper at the beginning."""
        self.close()
        machine = self._machines()
        watch = Watch(machine, self._checkers)
        watch.reached = self.progress.reached  # what is settled before the first step, too
        self._live = self._live or watch.audited  # which looks at coroutines
        machine.tabled = not self._live
        self._stepper = self._learned = stepper = Stepper(machine, watch, self._memories, live=self._live)
        return stepper

    def _leave(self) -> None:
        """The end of the path is known: nothing is left to do there."""
        if self._live and not self._path[-1].next:
            self._ends += 1
            times = repeats(self.program, self._ends, len(self._path))
            if times:
                self._ways.append((times, self._labels(None)))

    def _undo(self, taken: Taken | None) -> None:
        if taken is None:
            self.close()  # a live one cannot go back
        else:
            assert self._stepper is not None
            self._stepper.undo(taken)

    def _return(self) -> Stepper:
        """A live stepper that stands where the path ends."""
        stepper = self._fresh()
        for label in self._labels(None):
            stepper.make(labelled(stepper, label))
        return stepper

    # What is found -----------------------------------------------------------------

    def _labels(self, last: Label | None) -> list[Label]:
        """The transitions of the path, and one more."""
        labels = [frame.label for frame in self._path if frame.label is not None]
        return labels if last is None else [*labels, last]

    def _schedule(self, labels: Sequence[Label]) -> str:
        return encode(self.program.digest, follow(self.program, labels, self._checkers)[0])

    def _keep(self, finding: Finding, labels: Sequence[Label], execution: int, until: int = 0) -> None:
        """Keep a finding that these transitions show, if it is the first of its signature."""
        failures = self.progress.failures
        if finding.signature not in failures:
            expected = finding.code in self.program.findings
            failures[finding.signature] = Failure(finding, self._schedule(labels), execution, expected, until=until)


def labelled(stepper: Stepper, label: Label) -> Move:
    """The move of that label where the stepper stands."""
    return next(move for move in stepper.moves() if (move[0].path, move[1]) == label)
