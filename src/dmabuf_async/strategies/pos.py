"""POS, partial order sampling: a random priority for every pending op, drawn anew after each conflict.

Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018.
"""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Final

from dmabuf_async.strategies.sampler import Sampler

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Op
    from dmabuf_async.strategies.base import Run
    from dmabuf_async.thing import Thing

UNDRAWN: Final = 2.0
"""The priority of an op that can't be performed, until it can: what it draws matters only then."""


class Pending:
    """An actor, and what is known of the op that it stands before."""

    __slots__ = ("actor", "context", "op", "priority", "queued", "reads", "writes")

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.op: Op | None = None
        self.priority = UNDRAWN  # the least goes first
        self.queued = False  # with this priority, if it has been drawn
        self.reads: tuple[Thing, ...] = ()
        self.writes: tuple[Thing, ...] = ()
        self.context: tuple[Thing, ...] = ()

    def __lt__(self, other: Pending) -> bool:
        return self.actor.path < other.actor.path


class Pos(Sampler):
    """Always the pending op of the highest priority; then it, and all pending ones that conflict with it, draw anew.

    Ops conflict if they share an object that one of them writes; of a pending op that is told as of when it was
    announced. Who touches what is kept by object, so that a step costs nothing for ops that it does not conflict with.

    It measures nothing. A spinning actor draws a new priority each time, so that it gives way by itself.
    """

    name = "pos"
    measures = False

    def attend(self, run: Run) -> None:
        super().attend(run)
        run.alone = self.alone
        self._heap: list[tuple[float, Pending]] = []  # also with priorities that are no longer those of the op
        self._touching: dict[int, dict[Pending, bool]] = {}  # by the key of an object; True: it writes it
        self._within: dict[int, list[Pending]] = {}  # by the key of what all ops of these actors read beside
        self._made: Pending | None = None  # who makes the latest step, and is to draw
        self._reads: tuple[Thing, ...] = ()  # of that step, if those that conflict with it are to draw
        self._writes: tuple[Thing, ...] = ()

    def pick(self, current: Actor) -> Actor:
        made, heap = self._made, self._heap
        if made is not None:
            self._disturb(made)
            made.op = None  # as long as it goes on alone nobody asks what it stands before
            if made.actor.ready:
                made.priority = priority = self.roll()
                made.queued = True
                if heap and heap[0][1] is made:  # what it had drawn before
                    heapreplace(heap, (priority, made))
                else:
                    heappush(heap, (priority, made))
            else:
                made.priority = UNDRAWN
        if self.woken:
            self._admit()
        while True:
            priority, note = heap[0]
            actor = note.actor
            if note.priority == priority and actor.ready:
                op = actor.op
                assert op is not None
                if note is made:
                    self._reads, self._writes = op.reads(actor), op.writes(actor)
                    return actor
                if made is not None:
                    self._announce(made)
                    made = None
                if note.op is op:
                    self._made = note
                    self._reads, self._writes = note.reads, note.writes
                    return actor
                self._announce(note)  # somebody has put another op in its place
                self._draw(note)
            else:
                if note.priority == priority:
                    note.queued = False
                heappop(heap)

    def alone(self, actor: Actor) -> None:
        """A step is about to be made that nobody chose. Until something is chosen its actor need not draw."""
        made = self._made
        if made is not None:
            self._disturb(made)
            if made.actor is not actor:
                self._announce(made)
                self._draw(made)
        if self.woken:
            self._admit()
        self._made = actor.rank  # none, if it is of the environment: it has no priority
        op = actor.op
        if op is not None:
            self._reads, self._writes = op.reads(actor), op.writes(actor)
            self._disturb(self._made)

    def _admit(self) -> None:
        """Queue who became ready; who is new draws."""
        for actor in self.woken:
            note: Pending | None = actor.rank
            if note is None:
                actor.rank = note = Pending(actor)
                self._announce(note)
                self._draw(note)
            elif note.priority == UNDRAWN:
                self._draw(note)
            elif not note.queued:
                note.queued = True
                heappush(self._heap, (note.priority, note))
        self.woken.clear()

    def _announce(self, note: Pending) -> None:
        """Take note of what the actor stands before now."""
        actor, touching = note.actor, self._touching
        note.op = op = actor.op
        reads, writes = ((), ()) if op is None else (op.reads(actor), op.writes(actor))
        if writes != note.writes or reads != note.reads:
            for thing in note.reads:
                touching[thing.key].pop(note, None)
            for thing in note.writes:
                touching[thing.key].pop(note, None)
            note.reads, note.writes = reads, writes
            for thing in reads:
                touching.setdefault(thing.key, {})[note] = False
            for thing in writes:
                touching.setdefault(thing.key, {})[note] = True
        if note.context is not actor.context:
            for thing in note.context:
                self._within[thing.key].remove(note)
            note.context = actor.context
            for thing in note.context:
                self._within.setdefault(thing.key, []).append(note)

    def _draw(self, note: Pending) -> None:
        """Draw a priority; who can't go on does so when it can."""
        if note.actor.ready:
            note.priority = priority = self.roll()
            note.queued = True
            heappush(self._heap, (priority, note))
        else:
            note.priority = UNDRAWN

    def _disturb(self, made: Pending | None) -> None:
        """All others that conflict with the latest step draw anew, once."""
        touching, within = self._touching, self._within
        for thing in self._writes:
            key = thing.key
            if key in touching:
                for other in touching[key]:
                    if other is not made:
                        self._draw(other)
            if key in within:
                for other in within[key]:
                    if other is not made:
                        self._draw(other)
        for thing in self._reads:
            key = thing.key
            if key in touching:
                for other, written in touching[key].items():
                    if written and other is not made:
                        self._draw(other)
        self._reads = self._writes = ()
