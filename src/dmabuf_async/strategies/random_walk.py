"""Random walk: uniform over what is enabled, which is not uniform over interleavings."""

from __future__ import annotations

from collections.abc import Callable

from dmabuf_async.strategies.base import ChoicePoint, Run, RunInfo
from dmabuf_async.strategies.dice import Dice


class RandomWalk:
    """Picks every option with equal probability; one stream of dice through all executions."""

    name = "random"

    def __init__(self, seed: int = 0) -> None:
        self.dice = Dice(seed)

    @property
    def roll(self) -> Callable[[], float]:
        """Numbers in [0, 1): the core draws them itself where :meth:`choose` would answer."""
        return self.dice.roll

    def start(self, run: RunInfo) -> bool:
        return True

    def attend(self, run: Run) -> None:
        if type(self) is RandomWalk:
            run.roll = self.roll

    def choose(self, point: ChoicePoint) -> int:
        return int(self.roll() * point.n)
