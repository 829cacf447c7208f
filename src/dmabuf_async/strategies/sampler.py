"""What the samplers have in common: how they attend a run, what they measure, and how often they let something fail."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from dmabuf_async.strategies.dice import dice

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.strategies.base import ChoicePoint, Run, RunInfo

RATES: Final = (1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)
"""How often a fault is taken where one is possible. Each execution draws its own, as one fault early and one after a
thousand steps are found at different rates; none is 0, so that no fault that a scenario declares is out of reach."""

PATIENCE: Final = 64
"""Choices that an actor may win before it can be thought to spin, at least."""


class Sampler(ABC):
    """A strategy that picks actors by what it keeps of them, not by a list of options.

    It is asked who goes next among those that are ready. What the environment does, and what becomes of an op that
    may fail, is the same for all of them, as the papers know neither: calm, but for the rate of :data:`RATES` drawn for
    this execution; then every fault is as probable as any other. The clock is an actor like the others: time that
    passes is no fault.

    What a sampler has to know of a program it measures in a random walk: its first execution,
    and again its 16th, 256th, 4,096th, as one execution need not show all.
    """

    name: str
    measures: ClassVar[bool] = True
    """It makes executions that measure the program."""

    def __init__(self, seed: int = 0) -> None:
        self.roll = dice(seed)
        self.measuring = False
        """This execution is a random walk that measures the program."""
        self._executions = 0
        self._due = 1  # the execution that measures next
        self._rate = 0.0

    def start(self, run: RunInfo) -> bool:
        self._executions += 1
        self.measuring = self.measures and self._executions == self._due
        if self.measuring:
            self._due *= 16
        self._rate = RATES[int(self.roll() * len(RATES))]
        return True

    def attend(self, run: Run) -> None:
        """The actors exist; before something is chosen they come to their first ops."""
        self.run = run
        self.ready = run.ready
        self.woken: list[Actor] = [*run.ready]
        run.woken = self.woken
        self.pick_now = run.pick = self.wander if self.measuring else self.pick

    @abstractmethod
    def pick(self, current: Actor) -> Actor:
        """Who goes next; at least two are ready."""

    def wander(self, current: Actor) -> Actor:
        """The same in an execution that measures."""
        ready = self.ready
        return ready[int(self.roll() * len(ready))]

    def intervene(self, actor: Actor) -> None:
        """The environment goes next, by this actor: one of its own, or one whose wait it interrupts."""
        if self.run.alone is not None:
            self.run.alone(actor)

    def choose(self, point: ChoicePoint) -> int:
        count = point.n
        if point.is_outcome:
            return 0 if self.roll() >= self._rate else 1 + int(self.roll() * (count - 1))
        ready = len(self.ready)
        if count > ready and (not ready or self.roll() < self._rate):
            index = ready + int(self.roll() * (count - ready))
            self.intervene(self.run.option(index))
            return index
        if ready == 1:
            actor = self.ready[0]
            if self.run.alone is not None:
                self.run.alone(actor)
        else:
            actor = self.pick_now(point.current)
        return self.run.place(actor)


class Counting(Sampler):
    """A sampler that measures how many choices an execution has, and tells apart those in which somebody spun."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.k = 0
        """The most choices that an execution had so far."""
        self._choices = 0
        self._spun = False

    def start(self, run: RunInfo) -> bool:
        if not self._spun:
            self.k = max(self.k, self._choices)
        self._choices = 0
        self._spun = False
        return super().start(run)

    def wander(self, current: Actor) -> Actor:
        self._choices += 1
        return super().wander(current)
