"""An execution once more, as nearly as may be, but with some of its ops the other way round.

What somebody wants to know of a failing execution is which order of two ops it fails by; so the first of the two is
held back until the second has been performed, and all else follows the order that was recorded as far as it can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dmabuf_async.strategies.base import STOP, ChoicePoint, Option, RunInfo

if TYPE_CHECKING:
    from dmabuf_async.ops import Op


class Place(NamedTuple):
    """An op of an execution, wherever it comes: the n-th of its actor, counted from 0."""

    actor: str
    nth: int


class Recorded(NamedTuple):
    """A step of the execution that is followed."""

    place: Place
    fault: str
    """The fault that made it what it was, or empty."""


class Did(NamedTuple):
    """An op by what it does: the n-th time, from 1, that its actor does just that."""

    actor: str
    text: str
    nth: int


class Hold(NamedTuple):
    """``held`` waits until its partner has been performed: what stands at ``place`` and is of that kind, or ``did``.

    An actor may come to its op at another place when others go another way, or do the same to another frame.
    """

    held: Place
    place: Place
    kind: str
    did: Did


class Reordered:
    """Follows ``order`` with some ops held back, and without the faults at ``calmed``.

    :meth:`stepped` must be called after each step. It says STOP where all that is left to be done is held back: these
    ops don't go the other way round. But nobody asks it about the only op that can be performed: whoever holds
    something back must look whether it came so.
    """

    name = "reordered"

    def __init__(self, order: Sequence[Recorded], holds: Collection[Hold] = (), calmed: Collection[Place] = ()) -> None:
        self._order = order
        self._holds = {hold.held: hold for hold in holds}
        self._partners = {hold.place.actor for hold in holds}
        self._calmed = frozenset(calmed)
        self._faults = {step.place: step.fault for step in order if step.fault and step.place not in self._calmed}
        self._done: Counter[str] = Counter()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._over: set[Place] = set()  # what is held back no more
        self._first = 0  # in the order, of those that may not have been performed yet

    def start(self, run: RunInfo) -> bool:
        for kept in (self._done, self._seen, self._over):
            kept.clear()
        self._first = 0
        return True

    def stepped(self, actor: str, op: Op) -> None:
        """``actor`` has made a step."""
        if actor in self._partners:
            text = op.describe()
            self._seen[actor, text] += 1
            place, did = self._next(actor), Did(actor, text, self._seen[actor, text])
            self._over.update(
                hold.held
                for hold in self._holds.values()
                if hold.did == did or (hold.place == place and hold.kind == op.kind)
            )
        self._done[actor] += 1

    def choose(self, point: ChoicePoint) -> int:
        options = point.options
        if point.is_outcome:
            wanted = self._faults.get(self._next(options[0].actor.name), "")
            return next((index for index, option in enumerate(options) if option.outcome == wanted), 0)
        free = {
            option.actor.name: index
            for index, option in enumerate(options)
            if not self._is_held(self._next(option.actor.name))
        }
        order, done = self._order, self._done
        while self._first < len(order) and self._is_over(order[self._first].place):
            self._first += 1
        for at in range(self._first, len(order)):
            actor, step = order[at].place
            index = free.get(actor)
            if index is not None and step >= done[actor] and self._may(options[index]):
                return index
        calm = (index for index in free.values() if options[index].actor.cpu is not None and not options[index].outcome)
        return min(calm, default=min(free.values(), default=STOP))

    def _next(self, actor: str) -> Place:
        return Place(actor, self._done[actor])

    def _is_over(self, place: Place) -> bool:
        return place.nth < self._done[place.actor] or place in self._calmed

    def _may(self, option: Option) -> bool:
        """Whether it could go on without a fault, or by the one that was recorded."""
        return option.outcome == self._faults.get(self._next(option.actor.name), "") or not option.outcome

    def _is_held(self, place: Place) -> bool:
        return place in self._holds and place not in self._over
