"""At most so many faults in an execution: a wrapper of any strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.strategies.base import let_attend

if TYPE_CHECKING:
    from dmabuf_async.strategies.base import ChoicePoint, Run, RunInfo, Strategy


class Limited:
    """Chooses as ``strategy`` does, which is not offered another fault after ``most``: 0 or more.

    The options of an execution stay those that the scenario declares, so that its schedule means the same to
    everybody. All else, its name for one, is the other strategy's.
    """

    def __init__(self, strategy: Strategy, most: int) -> None:
        self._strategy = strategy
        self._most = most
        self._left = most
        self._run: Run | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strategy, name)

    def start(self, run: RunInfo) -> bool:
        self._left = self._most
        return self._strategy.start(run)

    def attend(self, run: Run) -> None:
        """The actors exist."""
        self._run = run
        let_attend(self._strategy, run)

    def choose(self, point: ChoicePoint) -> int:
        run = self._run
        assert run is not None
        if point.is_outcome:
            picked = self._strategy.choose(point) if self._left else 0
            self._left -= picked > 0
            return picked
        ready = len(run.ready)
        if self._left:
            picked = self._strategy.choose(point)
            self._left -= picked >= ready
            return picked
        if ready == 1:
            if run.alone is not None:
                run.alone(run.option(0))
            return 0
        point.n = ready
        return self._strategy.choose(point)
