"""SURW, selectively uniform random walk: the accesses of one object come in a uniform order, all else in some order.

Zhao, Wolff, Mathur, Roychoudhury: Selectively Uniform Concurrency Testing, ASPLOS 2025.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from dmabuf_async.strategies.profile import Profile
from dmabuf_async.strategies.sampler import Sampler

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Op
    from dmabuf_async.strategies.base import Run, RunInfo
    from dmabuf_async.strategies.profile import Path


class Standing:
    """What SURW keeps of an actor."""

    __slots__ = ("actor", "at", "op", "priority", "queued", "waiting")

    def __init__(self, actor: Actor, priority: float) -> None:
        self.actor = actor
        self.priority = priority  # the least goes first
        self.op: Op | None = None
        self.at = False  # this op accesses the object
        self.queued = True
        self.waiting = False  # it stands before the object, and another one was drawn


class Surw(Sampler):
    """Each execution selects one object, in proportion to its accesses, and draws who makes the next one.

    Who was drawn makes the next access of the object; others that come to it wait until then. An actor is
    drawn in proportion to the accesses that it has left, which were measured, its unborn descendants' among them;
    more than were measured count as one. If everybody else waits, and who was drawn can't go on or has
    ended, another one is drawn. All other ops go by random priorities of the actors, which each actor keeps until it
    has made an access of the object.

    An object that one actor alone accesses, or that nobody writes, is not selected: no order matters there.
    """

    name = "surw"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._profile = Profile()

    def start(self, run: RunInfo) -> bool:
        if self.measuring:
            self._profile.end()
            self._total = sum([accesses.total for accesses in self._profile.shared])
        return super().start(run)

    def attend(self, run: Run) -> None:
        super().attend(run)
        if self.measuring:
            run.alone = self._profile.step
            return
        run.alone = self.alone
        self._bag: list[Path] = []  # a path for each access that is left
        self._key = 0
        self._select()
        self._left = dict.fromkeys(self._bag, 0)
        for path in self._bag:
            self._left[path] += 1
        self._notes: dict[Path, Standing] = {}
        self._heap: list[tuple[float, Path, Standing]] = []
        self._waiting: list[Standing] = []
        for actor in self.woken:
            self._heap.append(self._new(actor))
        heapify(self._heap)
        self.woken.clear()
        self._latest: Standing | None = None  # about to access the object
        self._drawn: Standing | None = None
        self._draw()

    def _select(self) -> None:
        if not self._profile.shared:
            return
        die = int(self.roll() * self._total)
        for key, total, by in self._profile.shared:
            die -= total
            if die < 0:
                self._key = key
                self._bag = [path for path, count in by.items() for _ in range(count)]
                return

    def wander(self, current: Actor) -> Actor:
        actor = super().wander(current)
        self._profile.step(actor)
        return actor

    def pick(self, current: Actor) -> Actor:
        if self._latest is not None:
            self._accessed(self._latest)
        if self.woken:
            self._admit()
        heap = self._heap
        while True:
            if not heap:
                self._draw_again()
            priority, _, note = heap[0]
            actor = note.actor
            if priority != note.priority:
                heappop(heap)
                continue
            if not actor.ready:
                heappop(heap)
                note.queued = False
                continue
            if note.op is not actor.op:
                self._look(note)
            if not note.at:
                return actor
            if note is self._drawn:
                self._latest = note
                return actor
            heappop(heap)
            note.queued = False
            self._wait(note)

    def alone(self, actor: Actor) -> None:
        """A step is about to be made that nobody chose."""
        if self._latest is not None:
            self._accessed(self._latest)
        if self.woken:
            self._admit()
        note: Standing | None = actor.rank
        if note is not None:
            if note.waiting:
                self._admitted(note)
            self._look(note)
            if note.at:
                self._latest = note

    def _look(self, note: Standing) -> None:
        """Whether the op that the actor stands before accesses the object."""
        actor, key = note.actor, self._key
        note.op = op = actor.op
        note.at = False
        if op is None:
            return
        for thing in op.writes(actor):
            if thing.key == key:
                note.at = True
                return
        for thing in op.reads(actor):
            if thing.key == key:
                note.at = True
                return

    # The order of all else -------------------------------------------------------

    def _new(self, actor: Actor) -> tuple[float, Path, Standing]:
        note = Standing(actor, self.roll())
        actor.rank = self._notes[actor.path] = note
        return note.priority, actor.path, note

    def _admit(self) -> None:
        for actor in self.woken:
            note: Standing | None = actor.rank
            if note is None:
                heappush(self._heap, self._new(actor))
            elif not note.queued and not note.waiting:
                self._push(note)
        self.woken.clear()

    def _push(self, note: Standing) -> None:
        note.queued = True
        heappush(self._heap, (note.priority, note.actor.path, note))

    # The order of accesses -------------------------------------------------------

    def _wait(self, note: Standing) -> None:
        note.waiting = True
        self._waiting.append(note)
        self._count(note)

    def _count(self, note: Standing) -> None:
        """It stands before an access; if no more were measured, this one counts."""
        path = note.actor.path
        if not self._left.get(path):
            self._left[path] = 1
            self._bag.append(path)

    def _take(self) -> Path:
        """Draw from the bag."""
        bag = self._bag
        at = int(self.roll() * len(bag))
        path, bag[at] = bag[at], bag[-1]
        bag.pop()
        return path

    def _draw(self) -> None:
        """Draw who makes the next access: whoever has one left and has not ended."""
        self._drawn = None
        while self._bag and self._drawn is None:
            path = self._take()
            self._drawn = note = self._bearer(path)
            if note is None:
                self._left[path] -= 1
            elif note.waiting:
                self._admitted(note)

    def _bearer(self, path: Path) -> Standing | None:
        """Whose access it is: that actor's, or as long as it is unborn its nearest ancestor's; None if it has ended."""
        own = path
        while path not in self._notes:
            path = path[:-1]
            if not path:
                return None
        note = self._notes[path]
        if note.actor.ended:
            return None
        if path != own:  # the ancestor goes ahead with one of its own, and the descendant takes its place in the bag
            if path in self._bag:
                self._bag[self._bag.index(path)] = own
            else:
                self._bag.append(own)
                self._left[path] = self._left.get(path, 0) + 1
        return note

    def _admitted(self, note: Standing) -> None:
        note.waiting = False
        self._waiting.remove(note)
        self._push(note)

    def _draw_again(self) -> None:
        """Everybody who could go on waits for who was drawn, who can't or has ended: forget it."""
        if self._drawn is not None:
            self._bag.append(self._drawn.actor.path)
        aside: list[Path] = []
        while True:
            path = self._take()
            note = self._notes.get(path)
            if note is not None and note.waiting and note.actor.ready:
                break
            if note is None or not note.actor.ended:
                aside.append(path)
            else:
                self._left[path] -= 1
        self._bag += aside
        self._drawn = note
        self._admitted(note)

    def _accessed(self, note: Standing) -> None:
        """The access that ``note`` stood before has been made."""
        self._latest = None
        path = note.actor.path
        left = self._left.get(path, 0)
        if left:
            self._left[path] = left - 1
            if note is not self._drawn and path in self._bag:
                self._bag.remove(path)
        self._look(note)
        if note.at:
            self._count(note)
        if note is self._drawn:
            self._draw()
        note.priority = self.roll()
        if note.queued:
            self._push(note)
