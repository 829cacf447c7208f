"""Preemption bounding: all schedules with few preemptions and few faults, those with the fewest first.

A preemption is a switch away from an actor that could have gone on; a switch away from one that waits or has ended is
free, and so is what the environment does, time included. Most bugs need two at most, and there are far fewer such
schedules than there are schedules (Musuvathi and Qadeer, "Iterative Context Bounding for Systematic Testing of
Multithreaded Programs", PLDI 2007). A fault is an outcome that is not the calm one, or anything that the environment
does of its own accord, save that time goes on.

Depth first over states, with no reduction, as the state graph is. Here a state alone does not say what can come of
it: how much does depends on who made the last step on a CPU, since a switch away from it may count, and on what is
left of the bounds. So a place is a state with that actor and the faults so far, and what it costs is preemptions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.explore.walk import Frame, Walk, labelled
from dmabuf_async.ops import CALM

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.stepper import Move, Taken
    from dmabuf_async.explore.following import Label
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding

LIMIT: Final = 2_000_000
"""Places of one search; each takes about 400 bytes."""

Place: TypeAlias = "tuple[int, int, tuple[int, ...] | None]"
"""The number of a state, the faults that it took (they are bounded, so that the state tells how many are left), and
the path of who made the last step on a CPU, unless it has ended."""


class Stop(Frame):
    """A frame at a place."""

    __slots__ = ("moves", "place", "preemptions")

    def __init__(self, place: Place, preemptions: int, label: Label | None, taken: Taken | None) -> None:
        super().__init__(label, taken)
        self.place = place
        self.preemptions = preemptions  # made so far
        self.moves: list[tuple[int, int, Move]] = []  # with what has been spent after each


class Bounded(Walk[Stop]):
    """All schedules of ``program`` within the bounds; a :class:`~dmabuf_async.explore.search.Search`.

    It goes round once for each number of preemptions, from none to ``preemptions``, so that what is found is shown
    with as few as it takes; None sets no bound. Nor does None for ``faults``: then all that the program declares may
    happen.

    Round k finds the places that cost k. The cheapest way to one leads through places each at its own cost, which
    earlier rounds have found; so in each round a place is entered once, and at no other cost.
    """

    name = "bounded"
    called = "bounded search"

    def __init__(
        self,
        program: Program,
        *,
        preemptions: int | None,
        faults: int | None = None,
        max_steps: int = MAX_STEPS,
        checkers: Iterable[Checker] = CHECKERS,
        max_places: int = LIMIT,
    ) -> None:
        super().__init__(program, max_steps, checkers)
        self.states = 0
        """How many have been reached so far."""
        self._preemptions = preemptions
        self._faults = faults
        self._max_places = max_places
        self._numbers: dict[Hashable, int] = {}
        self._costs: dict[Place, int] = {}  # the fewest preemptions that lead there
        self._entered: set[Place] = set()  # in this round
        self._on_path: set[Place] = set()
        self._cyclic = False
        self._round = -1  # before the first
        self._done = -1  # the latest that is complete
        self._states_done = 0
        self._refused = self._calmed = False  # whether preemptions, and faults, were left out in this round

    # As a search -----------------------------------------------------------------

    @property
    def strength(self) -> str:
        """A bound that nothing was left out for is none."""
        bounds = []
        if self._refused:
            bounds.append(_counted(self._round, "preemption"))
        if self._calmed:
            assert self._faults is not None
            bounds.append(_counted(self._faults, "fault"))
        return f"exhaustive up to {', '.join(bounds)}" if bounds else "exhaustive"

    @property
    def uncovered(self) -> tuple[str, ...]:
        """What takes a look at executions that don't end."""
        livelock = ("livelock",) if self._cyclic else ()
        return (*livelock, "eventually-violated") if self.program.eventually else livelock

    @property
    def extent(self) -> str:
        if self._done == self._round:
            return _counted(self.states, "state")
        more = self.states - self._states_done
        if self._done < 0:
            return f"{_counted(more, 'state')}{self._within(self._round)} so far"
        done = f"{_counted(self._states_done, 'state')}{self._within(self._done)}"
        return f"{done}, {more:,} more{self._within(self._round)} so far"

    def _within(self, preemptions: int) -> str:
        return "" if self._preemptions is None else f" up to {_counted(preemptions, 'preemption')}"

    @property
    def left(self) -> str:
        frontier = sum(len(frame.moves) - frame.next for frame in self._path)
        return f"at least {_counted(frontier, 'transition')}{self._within(self._round)}" if frontier else ""

    # Rounds ----------------------------------------------------------------------

    def _begin(self) -> bool:
        """The next round, if there is one."""
        if self._round >= 0:
            self._done = self._round
            self._states_done = self.states
            if not self._refused or self._round == self._preemptions:
                self.close()
                return False
        stepper = self._stepper or self._fresh()  # back at the beginning: states are those of its own tables
        self._round += 1
        self._refused = self._calmed = False
        self.progress.cut = 0
        place = (self._number(stepper.key()), 0, None)
        self._entered.clear()
        self._is_to_be_entered(place, 0)
        self._enter(stepper, Stop(place, 0, None, None), None)
        return True

    def _anew(self) -> None:
        super()._anew()
        self.states = self._states_done = 0
        self._round = self._done = -1
        self._cyclic = False
        for known in (self._numbers, self._costs, self._on_path):
            known.clear()

    # The walk --------------------------------------------------------------------

    def _step(self) -> bool:
        """Make one transition, or go back by one; False at the end of a round."""
        path = self._path
        frame = path[-1]
        if frame.next == len(frame.moves):
            self._leave()
            self._on_path.remove(path.pop().place)
            if not path:
                if self._live:
                    self.close()
                return False
            self._undo(frame.taken)
            return True
        stepper = self._stepper or self._return()
        preemptions, faults, move = frame.moves[frame.next]
        frame.next += 1
        actor, outcome = move
        label = (actor.path, outcome)
        if self._live:  # the actor may be one of an earlier execution
            actor, outcome = move = labelled(stepper, label)
        watch = stepper.seen
        before = len(watch.findings)
        taken = stepper.make(move)
        self.progress.steps += 1
        if len(watch.findings) > before:
            self._note(label, watch.findings[before:], first=preemptions == self._round)
        last = self._last(stepper, frame) if actor.cpu is None else actor
        known = None if last is None or last.ended or self._preemptions is None else last.path
        place = (self._number(stepper.key()), faults, known)
        if self._is_to_be_entered(place, preemptions):
            self._enter(stepper, Stop(place, preemptions, label, taken), last)
        else:
            self.progress.executions += 1
            self._cyclic = self._cyclic or (stepper.live > 0 and place in self._on_path)
            self._undo(taken)
        return True

    def _last(self, stepper: Stepper, frame: Stop) -> Actor | None:
        """Who made the last step on a CPU before ``frame``, unless it has ended."""
        path = frame.place[2]
        return None if path is None else next(actor for actor in stepper.actors if actor.path == path)

    def _number(self, key: Hashable) -> int:
        number = self._numbers.setdefault(key, self.states)
        self.states += number == self.states
        return number

    def _is_to_be_entered(self, place: Place, preemptions: int) -> bool:
        """Whether this is what the place costs, and nobody has come there in this round; remembered as entered then."""
        if self._costs.setdefault(place, preemptions) != preemptions or place in self._entered:
            return False
        self._entered.add(place)
        return True

    def _enter(self, stepper: Stepper, frame: Stop, last: Actor | None) -> None:
        self._path.append(frame)
        self._on_path.add(frame.place)
        moves = stepper.moves()
        first = frame.preemptions == self._round
        watch = stepper.seen
        before = len(watch.findings) if frame.label else 0  # a task may end before the first step
        if not moves:
            self.progress.executions += 1
            stepper.judge()
        elif len(self._path) > self._max_steps or len(self._costs) > self._max_places:
            self.full = self.full or len(self._costs) > self._max_places
            self.progress.cut += 1
        else:
            frame.moves = self._affordable(frame, moves, last)
        if len(watch.findings) > before:
            self._note(None, watch.findings[before:], first=first)
        if first:
            edges = watch.lock_edges()
            if edges:
                self.progress.locks.note(edges, self.progress.executions, lambda: self._schedule(self._labels(None)))

    def _affordable(self, frame: Stop, moves: list[Move], last: Actor | None) -> list[tuple[int, int, Move]]:
        """The moves within the bounds, and what has been spent after each; the calmest come first."""
        found = []
        could = self._preemptions is not None and last is not None and last.ready
        for move in moves:
            actor, outcome = move
            preempts = could and actor is not last and actor.cpu is not None
            fault = outcome != CALM or not actor.ready
            preemptions = frame.preemptions + preempts
            faults = frame.place[1] + (fault and self._faults is not None)
            if self._faults is not None and faults > self._faults:
                self._calmed = True
            elif preemptions > self._round:
                self._refused = True
            else:
                found.append(((preempts, fault, actor is not last), (preemptions, faults, move)))
        found.sort(key=lambda one: one[0])
        return [affordable for _, affordable in found]

    # What is found -----------------------------------------------------------------

    def _note(self, label: Label | None, findings: list[Finding], *, first: bool) -> None:
        """Something is found at a transition, or at an end; ``first``: earlier rounds did not come here."""
        for signature, finding in {one.signature: one for one in findings if one.primary}.items():
            self.progress.counts[signature] += first
            self._keep(finding, self._labels(label), self.progress.executions + 1)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
