"""A search by plain backtracking over choice points: what a check is tried on, without the reductions that ship."""

from __future__ import annotations

import time
from collections.abc import Iterable

from dmabuf_async.checkers.base import Checker
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS, inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.progress import Progress
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.base import ChoicePoint, RunInfo


class Backtracking:
    """Every execution of a program, one after the other, the calm one first."""

    name = "backtracking"
    strength = "exhaustive"
    uncovered: tuple[str, ...] = ()

    def __init__(
        self,
        program: Program,
        *,
        max_steps: int = MAX_STEPS,
        checkers: Iterable[Checker] = CHECKERS,
        slice_of: int = 1000,
    ) -> None:
        self.progress = Progress()
        self._program = program
        self._max_steps = max_steps
        self._checkers = tuple(checkers)
        self._slice = slice_of
        self._answers: list[int] = []
        self._counts: list[int] = []
        self._at = 0
        self._done = False

    @property
    def extent(self) -> str:
        return f"{self.progress.executions:,} orders"

    @property
    def left(self) -> str:
        rest = [n - 1 - answer for answer, n in zip(self._answers, self._counts, strict=True)]
        return "" if self._done else f"at least {sum(rest):,} orders"

    def advance(self) -> bool:
        end = time.monotonic() + 0.05
        for _ in range(self._slice):
            if self._done or time.monotonic() > end:
                break
            self._once()
        return not self._done

    def confirm(self) -> None:
        """It takes nothing for granted."""

    def checkpoint(self) -> bytes:
        import pickle

        return pickle.dumps((self._answers, self._counts, self.progress))

    def resume(self, checkpoint: bytes) -> None:
        import pickle

        try:
            self._answers, self._counts, self.progress = pickle.loads(checkpoint)  # noqa: S301 - our own
        except Exception as error:
            raise ValueError("it is not of a search by backtracking") from error

    def close(self) -> None:
        """Nothing is held between two executions."""

    # A strategy ------------------------------------------------------------------

    def start(self, run: RunInfo) -> bool:
        self._at = 0
        return True

    def choose(self, point: ChoicePoint) -> int:
        at, self._at = self._at, self._at + 1
        if at == len(self._answers):
            self._answers.append(0)
            self._counts.append(point.n)
        return self._answers[at]

    def _once(self) -> None:
        machine = self._program.machines()()
        watch = Watch(machine, self._checkers)
        core = inline.execute(machine, self, watch=watch, max_steps=self._max_steps)
        assert core is not None
        self.progress.note(self._program, watch, core)
        while self._answers and self._answers[-1] + 1 == self._counts[-1]:
            self._answers.pop()
            self._counts.pop()
        if self._answers:
            self._answers[-1] += 1
        else:
            self._done = True
