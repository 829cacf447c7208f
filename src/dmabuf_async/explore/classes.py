"""Which happens-before class an execution is of, and the states on its way, told while it is made.

A class is what Mazurkiewicz calls a trace: the steps of an execution, ordered by program order and conflicts
(DESIGN 2). Each step gets a hash of whose it is, of its outcome, and of the hashes of the latest step of its actor and
of the latest steps that wrote what it touches. That tells all conflicts: the writes of an object follow one another,
and a read lies between the write that it follows and the next one. So two executions have the same last hash of each
actor if, and but for a collision of 61 bits only if, they order conflicts in the same way: then DPOR counts them as
one. All of it is made from numbers, so that it is the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from dmabuf_async.engine.parking import BY_PATH
from dmabuf_async.engine.watch import Watch

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.audit import Audit
    from dmabuf_async.engine.choosing import Choosing
    from dmabuf_async.engine.parking import Parking
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.ops import Op
    from dmabuf_async.thing import Thing


class ClassWatch(Watch):
    """Watches one execution, and adds the states of machine and tasks that it comes to, as hashes, to ``states``.

    Those hold within a process, and it stops adding once there are ``room`` of them. When the first step is about to be
    made it asks whether all this is ``wanted``; if not, it is an ordinary watch.
    """

    def __init__(
        self,
        machine: Machine,
        checkers: Iterable[Checker] = (),
        *,
        wanted: Callable[[], bool],
        states: set[int],
        room: int,
        audit: Audit | None = None,
    ) -> None:
        super().__init__(machine, checkers, audit=audit)
        self.deep = True
        self._looks = False
        self._wanted = wanted
        self._states = states
        self._room = room
        self._actors: list[Actor] = []  # all that ever lived, once the first step has been made
        self._reads: Iterable[Thing] = ()
        self._latest_of: dict[tuple[int, ...], int] = {}  # the hash of its latest step, by the path of the actor
        self._written: dict[int, int] = {}  # the square of the hash of the step that wrote it, by the key of the object

    def before(self, actor: Actor, op: Op) -> None:
        if self._wide:
            super().before(actor, op)
        actors = self._actors
        if not actors:
            actors = self._actors = cast("Parking", self.machine.actors[0].run).actors
            self._looks = self._wanted()
        if not self._looks:
            self.deep = self._wide
            return
        if len(self._states) < self._room:
            self._see(actors)
        if actor.judged is None:
            self._reads = (*op.reads(actor), *actor.context)
        else:
            assert self._footprint is not None
            self._reads = self._footprint.reads

    def after(self, actor: Actor, op: Op, outcome: int, result: Any, written: tuple[Thing, ...]) -> None:
        if self._looks:
            path, writers = actor.path, self._written
            writes: Iterable[Thing] = written if actor.judged is None else self._judged_writes()
            before = 0  # a sum: in which order an op lists its objects may be chance
            for thing in self._reads:
                key = thing.key
                before += writers.get(key, key)
            for thing in writes:
                key = thing.key
                before += writers.get(key, key)
            self._latest_of[path] = step = hash((self._latest_of.get(path, path), outcome, before))
            step *= step  # hashes of tuples that are alike lie at equal distances, so that sums of theirs would meet
            for thing in writes:
                writers[thing.key] = step
        super().after(actor, op, outcome, result, written)

    def _judged_writes(self) -> Iterable[Thing]:
        assert self._footprint is not None
        return self._footprint.writes

    def over(self, core: Choosing) -> None:
        if self._looks and len(self._states) < self._room:
            self._see(core.actors)
        super().over(core)

    def _see(self, actors: list[Actor]) -> None:
        """Add the state that the execution has come to."""
        if len(actors) > len(self.machine.actors):  # who was spawned stands in the order of birth
            actors = sorted(actors, key=BY_PATH)
        self._states.add(hash((self.machine.fingerprint, *[one.local for one in actors])))

    @property
    def happens_before(self) -> int:
        """The hash of the class, as far as the execution has come."""
        return hash(tuple([step for _, step in sorted(self._latest_of.items())]))
