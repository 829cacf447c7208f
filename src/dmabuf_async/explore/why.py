"""Why an execution fails: the order of two ops that it hangs on, and the nearest execution that passes.

Two ops of different actors on one object, of which one writes, come in some order; where they come the other way
round, something else may happen. So each such pair of a failing execution is tried: the first op is held back until the
second has been performed, and all else follows what was recorded as far as it can (the reversal of a race, Flanagan
and Godefroid, "Dynamic Partial-Order Reduction for Model Checking Software", POPL 2005; what a cause is, Zeller,
"Isolating Cause-Effect Chains from Computer Programs", FSE 2002). Of the executions in which the finding is gone, the
one with the fewest conflicting pairs in another order is the nearest, and among those pairs the one that touches what
the finding is about is the reason that is told.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.execution import execute
from dmabuf_async.explore.reordering import doings, places, reordered
from dmabuf_async.strategies.reordered import Did, Hold, Place, Reordered
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.events import Event, locks

if TYPE_CHECKING:
    from dmabuf_async.explore.execution import Execution
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding

SECONDS: Final = 10.0
"""For all attempts at one finding; most need a tenth of that."""

ATTEMPTS: Final = 150
"""Pairs that are tried: most are near the finding, and those come first."""

TOGETHER: Final = 12
"""Pairs of which two are tried together, if none does alone."""

_NEXT: Final = 4
"""Steps of an actor that are looked at, of those that touch one object after some step of another actor."""

_RELEASING: Final = ("unlock", "spin_unlock", "up_")
"""A release is ordered by the acquisition that it ends: what races is two acquisitions."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two steps that conflict, and the order in which they came."""

    first: Event
    second: Event
    """Its ``step`` is 0 if it never came: too late its actor went another way, or waits to do it."""
    objects: tuple[str, ...]
    """What both touch and one of them writes."""


@dataclass(frozen=True, slots=True)
class Why:
    """What a finding hangs on."""

    pairs: tuple[Pair, ...]
    """The orders of ops without which it is not found; empty if none was seen to matter."""
    faults: tuple[Event, ...]
    """What the environment did, if it is not found where that is left undone."""
    passing: str
    """``dba1:...``: the nearest execution that was seen without it, nor with any that the failing one doesn't
    show too; empty if none was."""
    parts: int
    """The first step at which it differs from the failing one."""
    instead: Event | None
    """What happens there at that step."""
    alone: bool
    """One actor alone brings it about: the finding depends on no step of another."""
    tried: int
    """In how many other executions, of those that could be made, it was looked for."""


class _Step(NamedTuple):
    """A step of the failing execution, or what an actor waits to do at its end."""

    place: Place
    did: Did
    event: Event


class _Passing(NamedTuple):
    """An execution without the finding."""

    execution: Execution
    turned: tuple[tuple[int, int], ...]
    """Conflicting pairs of the failing one that come the other way round, as indices."""
    held: tuple[tuple[int, int], ...]
    """Those of which the first was held back."""
    calmed: tuple[int, ...]
    """Faults that were left out."""


class _Positions:
    """Where the steps of one execution come in another one."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._places = {
            one.place: (at, event.kind) for at, (one, event) in enumerate(zip(places(events), events, strict=True))
        }
        self._doings = {did: at for at, did in enumerate(doings(events))}

    def of(self, step: _Step) -> int | None:
        """None if there is none such."""
        at, kind = self._places.get(step.place, (None, ""))
        return at if kind == step.event.kind else self._doings.get(step.did)

    def turned(self, first: _Step, second: _Step) -> bool:
        """Whether the second one is made there, and the first one later or never."""
        a, b = self.of(first), self.of(second)
        return b is not None and (a is None or b < a)


def why(
    program: Program,
    failing: Execution,
    finding: Finding,
    *,
    max_steps: int = MAX_STEPS,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Why:
    """Look for what ``finding`` hangs on in the execution that shows it.

    ``failing`` has footprints. It takes some hundred executions, and at most about so many ``seconds``. What it tells
    has been seen: the pairs come the other way round in ``passing``, which doesn't show a finding of this signature.
    """
    return _Search(program, failing, finding, max_steps, clock() + seconds, clock).why()


class _Search:
    def __init__(
        self,
        program: Program,
        failing: Execution,
        finding: Finding,
        max_steps: int,
        until: float,
        clock: Callable[[], float],
    ) -> None:
        self._program = program
        self._failing = failing
        self._finding = finding
        self._max_steps = max_steps
        self._until = until
        self._clock = clock
        self._order = list(places(failing.trace.events))
        self._tried = 0
        events = (*failing.trace.events, *failing.trace.waiting)
        self._steps = [
            _Step(one.place, did, event) for one, did, event in zip(places(events), doings(events), events, strict=True)
        ]
        self._past = failing.trace.causal_past(finding)
        self._locks = locks(events)
        self._pairs = self._ranked()

    def why(self) -> Why:
        faults = [at for at, step in enumerate(self._steps) if step.event.fault and step.event.step in self._past]
        found = [*self._without(faults), *self._turned_round()]
        alone = len({self._steps[step - 1].event.actor for step in self._past}) == 1
        if not found:
            return Why((), (), "", parts=0, instead=None, alone=alone, tried=self._tried)
        best = min(found, key=lambda one: (not one.calmed, not self._shows_check(one), len(one.turned)))
        parts, instead = self._parting(best.execution)
        return Why(
            pairs=self._told(best),
            faults=tuple(self._steps[at].event for at in best.calmed),
            passing=best.execution.schedule,
            parts=parts,
            instead=instead,
            alone=alone,
            tried=self._tried,
        )

    # Pairs -------------------------------------------------------------------------

    def _ranked(self) -> list[tuple[int, int]]:
        """Conflicting pairs of which the finding depends on the first, those nearest to what it is about first."""
        ranked = []
        for first, second in self._conflicting():
            ranked.append((self._rank(self._objects(first, second)), second - first, first, second))
        ranked.sort()
        return [(first, second) for *_, first, second in ranked]

    def _objects(self, first: int, second: int) -> tuple[str, ...]:
        return _shared(self._steps[first].event, self._steps[second].event)

    def _rank(self, objects: Collection[str]) -> int:
        """How near they are to what the finding is about; 0 is nearest."""
        if any(named in name for name in objects for named in self._finding.objects):
            return 0  # the object itself, or what is kept of it: `mappings of ram#0`
        event = self._failing.trace.events[self._finding.step - 1]
        apart = set(objects) - self._locks
        return 1 if not apart.isdisjoint(event.reads | event.writes) else 2 if apart else 3

    def _conflicting(self) -> Iterator[tuple[int, int]]:
        """Of each step that matters and each other actor: the next few steps there that conflict over some object."""
        steps, past = self._steps, self._past
        touching: dict[str, list[int]] = defaultdict(list)
        for at, step in enumerate(steps):
            for name in step.event.reads | step.event.writes:
                touching[name].append(at)
        for first, (_, _, event) in enumerate(steps):
            if event.step not in past:
                continue
            partners = set()
            for name in event.reads | event.writes:
                seen: Counter[str] = Counter({event.actor: _NEXT})
                for second in touching[name]:
                    other = steps[second].event
                    writes = name in event.writes or name in other.writes
                    if second > first and writes and seen[other.actor] < _NEXT:
                        seen[other.actor] += 1
                        partners.add(second)
            for second in sorted(partners):
                number = steps[second].event.step
                if number in past or not 0 < number <= self._finding.step:
                    yield first, second

    # Attempts ----------------------------------------------------------------------

    def _without(self, faults: Sequence[int]) -> Iterator[_Passing]:
        """Without one of the faults."""
        for at in faults:
            passing = self._attempt((), (at,))
            if passing is not None:
                yield passing

    def _turned_round(self) -> Iterator[_Passing]:
        """With one pair the other way round; with two, if none does alone."""
        none = True
        tried = self._pairs[:ATTEMPTS]
        for pair in tried:
            passing = self._attempt((pair,), ())
            if passing is not None:
                none = False
                yield passing
        for pairs in combinations(tried[:TOGETHER], 2) if none else ():
            passing = self._attempt(pairs, ())
            if passing is not None:
                yield passing

    def _attempt(self, pairs: Collection[tuple[int, int]], calmed: Collection[int]) -> _Passing | None:
        """The execution with these pairs turned round and without these faults, if the finding is gone there."""
        if self._clock() > self._until:
            return None
        steps = self._steps
        holds = [
            Hold(steps[first].place, steps[second].place, steps[second].event.kind, steps[second].did)
            for first, second in pairs
        ]
        left_out = [steps[at].place for at in calmed]
        done = reordered(self._program, Reordered(self._order, holds, left_out), self._max_steps)
        if done is None:
            return None
        self._tried += 1
        others = {one.signature for one in self._failing.primary} - {self._finding.signature}
        if any(one.signature not in others and not self._went_well(one) for one in done.primary):
            return None
        there = _Positions(done.trace.events)
        if any(not there.turned(steps[first], steps[second]) for first, second in pairs):
            return None  # it took another way, and does not do these ops
        turned = tuple(pair for pair in self._pairs if there.turned(steps[pair[0]], steps[pair[1]]))
        return _Passing(done, turned, tuple(pairs), tuple(calmed))

    def _went_well(self, other: Finding) -> bool:
        """An order of locks that may deadlock, and did not: it is what is wanted of an execution without a deadlock."""
        return other.code == "lock-order" and self._finding.code == "deadlock"

    # What is seen in another execution -----------------------------------------------

    def _is_check(self, first: int, second: int) -> bool:
        """Whether somebody only looked at what another one changed afterwards, both before the rule was broken.

        That is a test which no longer holds when it is acted upon: it says more than where the damage could have
        been waited for.
        """
        one, other = self._steps[first].event, self._steps[second].event
        objects = set(_shared(one, other)) - self._locks
        return bool(objects) and objects.isdisjoint(one.writes) and 0 < other.step < self._finding.step

    def _shows_check(self, one: _Passing) -> bool:
        return len(one.held) == 1 and self._is_check(*one.held[0])

    def _told(self, best: _Passing) -> tuple[Pair, ...]:
        """What was turned round; or, of one pair, what came so with it and is nearest to what the finding is about."""
        turned = ((self._steps[first].event, self._steps[second].event) for first, second in best.held)
        pairs = tuple(Pair(first, second, _shared(first, second)) for first, second in turned)
        if len(pairs) != 1 or self._shows_check(best):
            return pairs
        return (min(self._earlier(best.execution), key=lambda one: one[0], default=(0, *pairs))[1],)

    def _earlier(self, passing: Execution) -> Iterator[tuple[Any, Pair]]:
        """Pairs that come the other way round there, and how far they are from what the finding is about.

        They conflict by what the second one touched where it came first: too late, it often finds nothing to do.
        """
        there = execute(self._program, Replay(passing.choices), max_steps=self._max_steps)
        assert there is not None
        named = frozenset(self._finding.objects)
        theirs = {one.place: at for at, one in enumerate(places(there.trace.events))}
        others = list(zip(there.trace.events, doings(there.trace.events), strict=True))
        mine = {step.did: at for at, step in enumerate(self._steps)}
        for first, (here, _, event) in enumerate(self._steps):
            if event.step not in self._past:
                continue
            until = theirs.get(here, len(others))
            for before, (other, did) in enumerate(others[:until]):
                second = mine.get(did, 0)
                shared = _shared(event, other) if second > first and other.actor != event.actor else ()
                releases = event.kind.startswith(_RELEASING) or other.kind.startswith(_RELEASING)
                if shared and not (releases and self._locks.issuperset(shared)):
                    rank = self._rank(shared), event.step != self._finding.step, named.isdisjoint(other.writes)
                    yield (*rank, until - before, first, before), Pair(event, self._steps[second].event, shared)

    def _parting(self, passing: Execution) -> tuple[int, Event | None]:
        """The first step that another one makes there."""
        mine, theirs = self._failing.trace.events, passing.trace.events
        for one, other in zip(mine, theirs, strict=False):
            if (one.actor, one.text, one.result) != (other.actor, other.text, other.result):
                return other.step, other
        return min(len(mine), len(theirs)) + 1, theirs[len(mine)] if len(theirs) > len(mine) else None


def _shared(one: Event, other: Event) -> tuple[str, ...]:
    """The objects over which they conflict."""
    return tuple(sorted((one.writes & (other.reads | other.writes)) | (one.reads & other.writes)))
