"""PCT, probabilistic concurrency testing: priorities, and a few points at which they change.

Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs,
ASPLOS 2010. With n actors and k steps, a bug of depth d (so many ordering constraints) is found
with a probability of at least 1 / (n k^(d - 1)) in each execution.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from dmabuf_async.strategies import DEPTH
from dmabuf_async.strategies.sampler import PATIENCE, Counting

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.strategies.base import Run


class Rank:
    """What PCT keeps of an actor."""

    __slots__ = ("priority", "queued", "used")

    def __init__(self, priority: float) -> None:
        self.priority = priority  # the least goes first: up to 0 as it was born, from 1 on if it has been lowered
        self.queued = True
        self.used = 0  # choices won since it was born or lowered for spinning


class Pct(Counting):
    """Always the highest priority; at a change point whoever would go next falls below all that were never lowered.

    The steps of the paper are choices here: where only one actor can go on there is nothing to be
    preempted. Hence the change comes before the step of its number, not after the one before it, which
    may be no choice. ``k`` is the most choices that an execution had so far. ``depth`` is d, at
    least 1; more than k change points are never made, and much more than k / 4 of them leave little of the priorities.

    A new actor takes a random rank among those that are present. The paper's scheduler is not fair: an actor that
    spins until another one acts would spin for ever. So who has won as many choices as a whole execution
    used to have, and at least :data:`PATIENCE`, is lowered below everybody.
    """

    name = "pct"

    def __init__(self, seed: int = 0, depth: int = DEPTH) -> None:
        super().__init__(seed)
        self.depth = depth

    def attend(self, run: Run) -> None:
        super().attend(run)
        self._heap: list[tuple[float, int, Actor]] = []
        for number, actor in enumerate(self.woken):
            priority = -self.roll()
            actor.rank = Rank(priority)
            self._heap.append((priority, number, actor))
        heapify(self._heap)
        self._pushed = len(self._heap)
        self._born = self.woken.copy()
        self.woken.clear()
        self._lowest = float(self.depth)
        self._changes = self._points()
        self._running: Actor | None = None
        self._since = self._turn = 0
        self._patience = max(PATIENCE, self.k)

    def _points(self) -> list[tuple[int, float]]:
        """At which choices who would go next falls, and how low; the last first. Which is lower is chance."""
        points: dict[int, float] = {}
        while len(points) < min(self.depth - 1, self.k):
            points.setdefault(1 + int(self.roll() * self.k), len(points) + 1.0)
        return sorted(points.items(), reverse=True)

    def pick(self, current: Actor) -> Actor:
        self._choices = choices = self._choices + 1
        if self.woken:
            self._admit()
        top = self._heap[0][2]
        if not top.ready:
            top = self._top()
        if choices >= self._turn or top is not self._running:
            top = self._look(top)
        return top

    def _top(self) -> Actor:
        heap = self._heap
        while not (top := heap[0][2]).ready:
            heappop(heap)
            top.rank.queued = False
        return top

    def _admit(self) -> None:
        """Queue who became ready; who has been born takes a rank."""
        for actor in self.woken:
            rank: Rank | None = actor.rank
            if rank is None:
                actor.rank = Rank(self._among())
                self._born.append(actor)
            elif rank.queued:
                continue
            else:
                rank.queued = True
            self._push(actor)
        self.woken.clear()

    def _among(self) -> float:
        """A priority between those of two neighbours among who is present, or above or below all of them."""
        self._born = born = [actor for actor in self._born if not actor.ended]
        present = sorted([actor.rank.priority for actor in born if actor.rank.priority <= 0])
        at = int(self.roll() * (len(present) + 1))
        above = present[at - 1] if at else -1.0
        below = present[at] if at < len(present) else 0.0
        return float(above + below) / 2

    def _push(self, actor: Actor) -> None:
        self._pushed += 1
        heappush(self._heap, (actor.rank.priority, self._pushed, actor))

    def _look(self, top: Actor) -> Actor:
        """Another one would go next, or it is time for a change; who goes then."""
        choices, changes = self._choices, self._changes
        if self._running is not None:
            self._running.rank.used += choices - self._since
        self._since = choices
        if changes and changes[-1][0] <= choices:
            top = self._lower(top, changes.pop()[1])
        while top.rank.used >= self._patience:
            self._spun = True
            top.rank.used = 0
            self._lowest += 1
            top = self._lower(top, self._lowest)
        self._running = top
        self._turn = choices + self._patience - top.rank.used
        if changes and changes[-1][0] < self._turn:
            self._turn = changes[-1][0]
        return top

    def _lower(self, top: Actor, priority: float) -> Actor:
        """Lower who would go next; who goes then."""
        heappop(self._heap)
        top.rank.priority = priority
        self._push(top)
        return self._top()
