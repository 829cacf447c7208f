"""The least schedule that shows a finding, by exhausting what is cheaper.

Places are states with who made the latest step on a CPU, as in :mod:`~dmabuf_async.explore.bounded`: what a schedule
costs from there on depends on nothing else. They are found in layers, those that take the fewest faults and then the
fewest preemptions first, and each layer depth first, so that a step costs a step. All transitions are remembered. When
a layer is complete in which the finding was shown, no execution with fewer faults, or as many and fewer preemptions,
shows it; and what costs the least of all is a shortest path over what is remembered (Dijkstra, "A note on two
problems in connexion with graphs", 1959), with costs compared number by number.

No Python peer proves its minimum; Musuvathi and Qadeer (PLDI 2007) get that of preemptions from iterating the bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final, TypeAlias

from dmabuf_async.engine.advancing import Untabled
from dmabuf_async.explore.cost import FREE, Cost
from dmabuf_async.explore.search import SLICE
from dmabuf_async.explore.segments import Path
from dmabuf_async.explore.travelling import Traveller
from dmabuf_async.ops import CALM

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.explore.following import Label
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding

LIMIT: Final = 1_000_000
"""Places of one search; each takes about 400 bytes."""

LOOK_EVERY: Final = 64
"""Places and transitions between two looks at the clock."""

UNKNOWN: Final = -1
"""The target of a transition that nobody has made yet."""

ENDED: Final[Path] = ()
"""Who made the latest step has ended."""

Place: TypeAlias = "tuple[int, Path | None]"
"""A state, and who made the latest step on a CPU; None: nobody yet."""


class Edge:
    """A transition of a state."""

    __slots__ = ("fault", "label", "on_cpu", "shows", "target")

    def __init__(self, label: Label, *, on_cpu: bool, fault: bool) -> None:
        self.label = label
        self.on_cpu = on_cpu
        self.fault = fault
        self.target = UNKNOWN
        self.shows = False
        """The finding is stated at it."""


class State:
    """What is known of a state."""

    __slots__ = ("edges", "ended", "ready", "shows")

    def __init__(self, edges: list[Edge], ready: frozenset[Path], ended: frozenset[Path], *, shows: bool) -> None:
        self.edges = edges
        self.ready = ready
        """Actors on CPUs that can go on."""
        self.ended = ended
        self.shows = shows
        """It is an end of the run, and the finding is stated there."""


class Least:
    """The search for the least schedule that shows a finding which is ``wanted``, as a primary one; made in slices."""

    def __init__(
        self,
        program: Program,
        wanted: Callable[[Finding], bool],
        *,
        checkers: Iterable[Checker],
        max_places: int = LIMIT,
    ) -> None:
        self._program = program
        self._wanted = wanted
        self._checkers = tuple(checkers)
        self._max_places = max_places
        self._begin(live=False)

    def _begin(self, *, live: bool) -> None:
        self._live = live
        self._traveller: Traveller | None = None
        self._states: list[State] = []
        self._sets: dict[frozenset[Path], frozenset[Path]] = {}  # one object for each
        self._entered: set[Place] = set()
        self._stack: list[tuple[Place, int]] = []  # of the layer: places, and which of their transitions is next
        self._later: dict[tuple[int, int], list[tuple[Place, int]]] = {}
        self._entries: list[tuple[Place, int]] = []  # transitions by which the layer is entered, last first
        self.layer = (0, 0)
        """(faults, preemptions): whatever takes fewer faults, or as many and fewer preemptions, is known."""
        self.found = False
        """The layer has the finding."""
        self.full = False
        """There is no room for more."""

    @property
    def places(self) -> int:
        """How many are known."""
        return len(self._entered)

    @property
    def states(self) -> int:
        return len(self._states)

    def advance(self, until: tuple[int, int]) -> bool:
        """Go on for about a slice; False once the first layer with the finding is complete, or ``until`` is.

        Also if nothing is left, or there is no room.
        """
        due = time.monotonic() + SLICE
        try:
            while True:
                for _ in range(LOOK_EVERY):
                    if not self._step(until):
                        return False
                if time.monotonic() >= due:
                    return True
        except Untabled:
            self.close()
            self._begin(live=True)
            return True

    def close(self) -> None:
        """Leave no coroutine suspended."""
        if self._traveller is not None:
            self._traveller.close()

    # Layer by layer ------------------------------------------------------------------

    def _step(self, until: tuple[int, int]) -> bool:
        if self._traveller is None:
            self._traveller = Traveller(self._program, self._checkers, live=self._live)
            self._learn(0, self._traveller.stepper.seen.findings)
            self._enter((0, None))
            return True
        if self.places > self._max_places:
            self.full = True
            return False
        if self._stack:
            place, number = self._stack[-1]
            edges = self._states[place[0]].edges
            if number == len(edges):
                self._stack.pop()
                return True
            self._stack[-1] = (place, number + 1)
            fault, preempts = self._extra(place, edges[number])
            if fault or preempts:
                faults, preemptions = self.layer
                self._later.setdefault((faults + fault, preemptions + preempts), []).append((place, number))
            else:
                self._follow(place, edges[number])
            return True
        if self._entries:
            place, number = self._entries.pop()
            self._follow(place, self._states[place[0]].edges[number])
            return True
        following = min(self._later, default=None)
        if self.found or following is None or following > until:
            return False
        self.layer = following
        self._entries = self._later.pop(self.layer)
        return True

    def _extra(self, place: Place, edge: Edge) -> tuple[bool, bool]:
        """Whether a transition is a fault, and whether it is a preemption."""
        state, last = place
        preempts = edge.on_cpu and last is not None and last != edge.label[0] and last in self._states[state].ready
        return edge.fault, preempts

    def _follow(self, place: Place, edge: Edge) -> None:
        """Go over a transition, and make it if nobody has."""
        if edge.target == UNKNOWN:
            assert self._traveller is not None
            arrived = self._traveller.take(place[0], edge.label)
            edge.target = arrived.state
            edge.shows = self._shown(arrived.findings)
            if arrived.new:
                self._learn(arrived.state, [])
        if edge.shows:
            self.found = True
        else:
            self._enter(self._after(place, edge))

    def _after(self, place: Place, edge: Edge) -> Place:
        last = edge.label[0] if edge.on_cpu else place[1]
        return edge.target, ENDED if last in self._states[edge.target].ended else last

    def _enter(self, place: Place) -> None:
        if place in self._entered:
            return
        self._entered.add(place)
        if self._states[place[0]].shows:
            self.found = True
        else:
            self._stack.append((place, 0))

    def _learn(self, number: int, findings: list[Finding]) -> None:
        """A state that is new, where the traveller stands."""
        assert self._traveller is not None
        stepper = self._traveller.stepper
        edges = [
            Edge((actor.path, outcome), on_cpu=actor.cpu is not None, fault=outcome != CALM or not actor.ready)
            for actor, outcome in stepper.moves()
        ]
        ready = frozenset(actor.path for actor in stepper.ready if actor.cpu is not None)
        ended = frozenset(actor.path for actor in stepper.actors if actor.ended)
        shows = self._shown(findings)
        if not edges and not shows:
            told = stepper.seen.findings
            before = len(told)
            stepper.judge()
            shows = self._shown(told[before:])
        one = self._sets.setdefault
        assert number == len(self._states)
        self._states.append(State(edges, one(ready, ready), one(ended, ended), shows=shows))

    def _shown(self, findings: list[Finding]) -> bool:
        return any(finding.primary and self._wanted(finding) for finding in findings)

    # Of all that is known, the least -----------------------------------------------------

    def labels(self) -> tuple[list[Label], Cost]:
        """The transitions of the least schedule, and what it costs. Once a layer that has it is complete."""
        counter = 0
        heap: list[tuple[Cost, int, Place, int]] = [(FREE, 0, (0, None), -1)]
        came: list[tuple[int, Label]] = []  # by number: from which number, and how
        done: set[Place] = set()
        goal: Place = (UNKNOWN, None)
        while True:
            cost, _, place, number = heappop(heap)
            if place == goal:
                return self._way(came, number), cost
            if place in done:
                continue
            done.add(place)
            state, last = place
            if self._states[state].shows:
                return self._way(came, number), cost
            for edge in self._states[state].edges:
                if edge.target == UNKNOWN:
                    continue
                fault, preempts = self._extra(place, edge)
                switches = edge.on_cpu and last is not None and last != edge.label[0]
                after = goal if edge.shows else self._after(place, edge)
                if after in done:
                    continue
                counter += 1
                dearer = Cost(
                    cost.faults + fault, cost.preemptions + preempts, cost.switches + switches, cost.steps + 1
                )
                heappush(heap, (dearer, counter, after, len(came)))
                came.append((number, edge.label))

    def _way(self, came: list[tuple[int, Label]], number: int) -> list[Label]:
        labels = []
        while number >= 0:
            number, label = came[number]
            labels.append(label)
        return labels[::-1]
