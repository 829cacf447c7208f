"""The learner: a random walk that notes where each of its answers leads."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from dmabuf_async.strategies.dice import answers

if TYPE_CHECKING:
    from dmabuf_async.engine.core import Core
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.explore.known import Edge, Known
    from dmabuf_async.strategies.base import ChoicePoint, RunInfo


class Learner:
    """Chooses as a random walk does, and links each choice point with the next, or with the end.

    One is used for all executions of a campaign, one after the other.
    """

    _watch: Watch
    _roll: Callable[[], float]
    _ahead: list[int]
    _edges: list[Edge] | None
    _answer: int
    _steps: int

    def __init__(self, known: Known) -> None:
        self._known = known

    def begin(self, watch: Watch, roll: Callable[[], float], ahead: list[int], edges: list[Edge], steps: int) -> None:
        """An execution is about to begin whose first answers are ``ahead``.

        The last of these was given at the node ``edges``, at which so many ``steps`` had been made.
        """
        self._watch = watch
        self._roll = roll
        self._ahead = ahead[::-1]
        self._edges, self._answer, self._steps = edges, ahead[-1] if ahead else 0, steps

    def start(self, run: RunInfo) -> bool:
        return True

    def choose(self, point: ChoicePoint) -> int:
        if self._ahead:
            return self._ahead.pop()
        count = point.n
        answer = int(self._roll() * count)
        key = self._key(point)
        edges = None if key is None else self._known.node(key, count)
        steps = self._watch.step
        if edges is not None:
            self._link((answers(count), edges, steps - self._steps))
        self._edges, self._answer, self._steps = edges, answer, steps
        return answer

    def end(self, core: Core) -> None:
        """The execution is over; where it was cut is no end that another one would come to."""
        if core.stopped in {"ended", "deadlock"}:
            shown = dict.fromkeys(finding.signature for finding in self._watch.findings if finding.primary)
            taken = dict.fromkeys((edge.before, edge.after) for edge in self._watch.lock_edges())
            self._link(((), (tuple(shown), tuple(taken)) if shown or taken else (), core.steps - self._steps))

    def _link(self, edge: Edge) -> None:
        if self._edges is not None:
            self._edges[self._answer] = edge

    def _key(self, point: ChoicePoint) -> Hashable:
        """All that decides what may follow this point (DESIGN 2, State); None if that can't be told.

        Where its actors are is told by their tables, exactly. The fingerprint is a hash, and
        hashes of -1 and -2 are equal, so that the values of cells are told beside it.
        """
        watch = self._watch
        machine = watch.machine
        places: list[Any] = []
        for actor in machine.actors:
            place: Any = actor.entry
            if place is None:  # it has been resumed in this execution
                place = None if actor.trail is None else actor.trail.at
                if place is None:
                    return None
                if actor.ended and place.op is not None:
                    place = (place, actor.site)  # it raised there, which no table learns
            places.append(place)
        if point.is_outcome:
            who: Any = (point.options[0].actor,)
        elif point.current.ended:
            who = None
        else:  # it stands first among the options, or will when the environment has let it go on
            who = point.current
        return (
            machine.fingerprint,
            who,
            machine.memory(),
            watch.memory(),
            *[cell.value for cell in machine.cells],
            *places,
        )
