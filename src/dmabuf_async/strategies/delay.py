"""Delay bounding: a schedule that needs no chance, and a few places at which whoever would go next is passed over.

Emmi, Qadeer, Rakamaric: Delay-Bounded Scheduling, POPL 2011.
"""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from dmabuf_async.strategies import DELAYS
from dmabuf_async.strategies.sampler import PATIENCE, Counting

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.strategies.base import Run

_BY_PATH: Final = attrgetter("path")


class Delay(Counting):
    """Nobody is preempted, and who can't go on is followed by the next by path; but for so many delays.

    A delay passes over who would go next, at a choice drawn from as many as an execution had so far; two at the same
    choice pass over two. The bound grows from 0: the first execution after the one that measures has no delay, the
    next ones have 1, 2 up to ``delays``, and then it goes on with 1. A switch away from an actor that can't go on is
    free. So is one from an actor that spins: that has won as many choices on end as a whole execution used to have.
    That time passes while somebody could go on is a delay, too.
    """

    name = "delay"

    def __init__(self, seed: int = 0, delays: int = DELAYS) -> None:
        super().__init__(seed)
        self.delays = delays
        self._bound = -1

    def attend(self, run: Run) -> None:
        super().attend(run)
        if self.measuring:
            return
        self._bound = self._bound + 1 if self._bound < self.delays else min(1, self.delays)
        self._points = sorted([1 + int(self.roll() * self.k) for _ in range(self._bound)], reverse=True)
        self._since = 0
        self._turn = 0
        self._patience = max(PATIENCE, self.k)

    def pick(self, current: Actor) -> Actor:
        self._choices = choices = self._choices + 1
        if current.ready and choices < self._turn:
            return current
        actor = current
        if not current.ready:
            actor = self._calm(current)
            self._since = choices
        elif choices - self._since >= self._patience:
            self._spun = True
            actor = self._calm(current)
            self._since = choices
        while self._points and self._points[-1] <= choices:
            self._points.pop()
            actor = self._after(actor)
            self._since = choices
        self._turn = self._since + self._patience
        if self._points and self._points[-1] < self._turn:
            self._turn = self._points[-1]
        return actor

    def _after(self, actor: Actor) -> Actor:
        ready = self.ready
        at = bisect_right(ready, actor.path, key=_BY_PATH)
        return ready[at if at < len(ready) else 0]

    def _calm(self, actor: Actor) -> Actor:
        """The same, but for the clock; at least two are ready."""
        after = self._after(actor)
        return after if after.cpu is not None else self._after(after)
