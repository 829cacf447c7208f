"""POS, partial order sampling: a random priority for every pending op, drawn anew after each conflict.

Yuan, Yang, Gu: Partial Order Aware Concurrency Sampling, CAV 2018.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush, heapreplace
from typing import TYPE_CHECKING

from dmabuf_async.strategies.sampler import Sampler

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Op
    from dmabuf_async.strategies.base import Run
    from dmabuf_async.thing import Thing


class Pending:
    """An actor, and what is known of the op that it stands before."""

    __slots__ = ("actor", "context", "op", "priority", "reads", "writes")

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.op: Op | None = None
        self.priority = 0.0  # the least goes first
        self.reads: tuple[Thing, ...] = ()
        self.writes: tuple[Thing, ...] = ()
        self.context: tuple[Thing, ...] = ()


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
        self._heap: list[tuple[float, tuple[int, ...], Pending]] = []
        self._touching: dict[int, dict[Pending, bool]] = {}  # by the key of an object; True: it writes it
        self._within: dict[int, list[Pending]] = {}  # by the key of what all ops of these actors read beside
        self._latest: Actor | None = None

    def pick(self, current: Actor) -> Actor:
        if self._latest is not None:
            self._made(self._latest)
        if self.woken:
            self._admit()
        heap = self._heap
        while True:
            priority, _, note = heap[0]
            actor = note.actor
            if note.priority == priority and actor.ready:
                if note.op is actor.op:
                    self._latest = actor
                    return actor
                self._renew(note)  # somebody has put another op in its place
            else:
                heappop(heap)

    def alone(self, actor: Actor) -> None:
        """A step is about to be made that nobody chose."""
        if self._latest is not None:
            self._made(self._latest)
        if self.woken:
            self._admit()
        self._latest = None
        if actor.rank is not None:
            self._latest = actor
        elif actor.op is not None:  # of the environment: it has no priority
            self._disturb(actor.op.reads(actor), actor.op.writes(actor), None)

    def _admit(self) -> None:
        """Queue who became ready; who is new draws."""
        for actor in self.woken:
            note: Pending | None = actor.rank
            if note is None:
                actor.rank = note = Pending(actor)
                self._renew(note)
            else:
                heappush(self._heap, (note.priority, actor.path, note))
        self.woken.clear()

    def _renew(self, note: Pending) -> None:
        """The actor stands before another op: take note of it, and draw."""
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
                here = touching.get(thing.key)
                if here is None:
                    touching[thing.key] = {note: False}
                else:
                    here[note] = False
            for thing in writes:
                here = touching.get(thing.key)
                if here is None:
                    touching[thing.key] = {note: True}
                else:
                    here[note] = True
        if note.context is not actor.context:
            self._enter(note)
        note.priority = priority = self.roll()
        if actor.ready:
            heap = self._heap
            if heap and heap[0][2] is note:  # what it had drawn before
                heapreplace(heap, (priority, actor.path, note))
            else:
                heappush(heap, (priority, actor.path, note))

    def _enter(self, note: Pending) -> None:
        for thing in note.context:
            self._within[thing.key].remove(note)
        note.context = note.actor.context
        for thing in note.context:
            self._within.setdefault(thing.key, []).append(note)

    def _draw(self, note: Pending) -> None:
        note.priority = priority = self.roll()
        if note.actor.ready:
            heappush(self._heap, (priority, note.actor.path, note))

    def _made(self, actor: Actor) -> None:
        """``actor`` has made the step that it was picked for."""
        note: Pending = actor.rank
        reads, writes = note.reads, note.writes
        self._renew(note)
        self._disturb(reads, writes, note)

    def _disturb(self, reads: Iterable[Thing], writes: Iterable[Thing], note: Pending | None) -> None:
        """All but ``note`` that conflict with a step that touched these draw anew."""
        touching, within = self._touching, self._within
        for thing in writes:
            key = thing.key
            here = touching.get(key)
            if here:
                for other in here:
                    if other is not note:
                        self._draw(other)
            if key in within:
                for other in within[key]:
                    if other is not note:
                        self._draw(other)
        for thing in reads:
            here = touching.get(thing.key)
            if here:
                for other, written in here.items():
                    if written and other is not note:
                        self._draw(other)
