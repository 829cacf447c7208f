"""What an actor could have done if some steps had not been made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from dmabuf_async.engine.objects import restore, state_of
from dmabuf_async.machine.clock import Fire
from dmabuf_async.ops import CONDITIONAL, FALLIBLE
from dmabuf_async.tasks import Cancel, Deliver, Fail, Join, Spawn

if TYPE_CHECKING:
    from dmabuf_async.engine.objects import Objects
    from dmabuf_async.engine.parking import Parking
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.ops import Op
    from dmabuf_async.strategies.wakeup_tree import Transition
    from dmabuf_async.thing import Thing


class Hindsight:
    """Of one execution."""

    def __init__(self, machine: Machine, objects: Objects) -> None:
        self._machine = machine
        self._objects = objects
        self._order = objects.tree.order
        self.unwound: dict[Op, tuple[Op, int]] = {}
        """By unwind: what its actor stood before, and the step that cancelled it."""
        self.cancels: list[tuple[int, set[Actor | None]]] = []
        """The steps that cancel, and whom."""
        self.standing: list[tuple[Actor, Op]] = []
        """Before the step that may be cancelling others, until it has been looked at: who stands before what."""

    @property
    def core(self) -> Parking:
        return cast("Parking", self._machine.actors[0].run)

    def before(self, actor: Actor, op: Op, number: int) -> None:
        """A step is about to be made that may spawn somebody, or cancel some."""
        if isinstance(op, Spawn):
            self._objects.born[(*actor.path, actor.spawned)] = number
        elif isinstance(op, Cancel | Fail) and not op.thing.told:  # else it reaches nobody
            group = op.thing
            self.cancels.append((number, {*group.children, group.owner} - {actor}))
            self.standing = [(other, other.op) for other in self.core.actors if other.op is not None]

    def after(self) -> None:
        """It has been made: those who were cancelled stand before an unwind."""
        for other, op in self.standing:
            unwind = other.op
            if unwind.__class__ is Deliver and op.__class__ is not Deliver:
                assert unwind is not None
                self.unwound[unwind] = op, self.cancels[-1][0]
        self.standing = []

    def own(self, actor: Actor) -> int:
        """What comes before whatever ``actor`` does next."""
        latest = self.number(actor)
        return 0 if latest < 0 else self._order.pasts[latest]

    def number(self, actor: Actor) -> int:
        """The number of its latest step, or of the one that spawned it; -1 if there is none."""
        latest = self._order.latest.get(actor.path, -1)
        return self._objects.born[actor.path] if latest < 0 and actor.parent is not None else latest

    def imagine(self, actor: Actor, op: Op, excluded: int) -> tuple[list[Transition], int]:
        """What ``actor`` could do now if these steps had not been made, and with what that conflicts."""
        ended: list[Actor] = []
        op = self._before_unwind(actor, op, excluded)
        for other in self.core.actors:
            if other.ended and (latest := self.number(other)) >= 0 and excluded >> latest & 1:
                other.ended = False
                ended.append(other)
        standing = list(self._stood(excluded)) if isinstance(op, Cancel | Fail) else []
        for other, stood, _ in standing:
            other.op = stood
        # What an op asks lies in its footprint, and what decides about that lies in it too, which the audit sees to: so
        # nothing else has to be put back, but what is put back may show that there is more of it.
        now: list[tuple[Thing, Any]] = []
        asked = set[int]()
        more = True
        while more:
            more = False
            for thing in (op.thing, *op.writes(actor), *op.reads(actor), *actor.context):
                if id(thing) in asked:
                    continue
                asked.add(id(thing))
                for state in self._first(thing, excluded):
                    now.append((thing, state_of(thing)))
                    restore(thing, state)
                    more = True
        try:
            outcomes, shares = self.possible(actor, op, excluded)
            touched = self._objects.touch(actor, op)
            steps = [touched.step.coming_to(outcome, shares) for outcome in outcomes]
            return steps, self._order.conflicting(touched.reads, touched.writes)
        finally:
            for thing, state in now:
                restore(thing, state)
            for other, _, stands in standing:
                other.op = stands
            for other in ended:
                other.ended = True

    def _before_unwind(self, actor: Actor, op: Op, excluded: int) -> Op:
        """What ``actor`` would stand before if these steps had not been made, where it stands before ``op``."""
        if op in self.unwound and not self.cancelling(actor, op) & ~excluded:
            return self.unwound[op][0]
        return op

    def cancelling(self, actor: Actor, unwind: Op) -> int:
        """The steps each of which would have led to this unwind: which cancelled, and those that came too late."""
        first = self.unwound[unwind][1]
        return sum(1 << at for at, others in self.cancels if at >= first and actor in others)

    def _stood(self, excluded: int) -> Iterator[tuple[Actor, Op, Op | None]]:
        """Who would stand before another op than now if these steps had not been made: before which, and now."""
        first: dict[Actor, Op] = {}
        for at, (touched, _) in enumerate(self._objects.steps[: len(self._order)]):
            if excluded >> at & 1 and touched.actor not in first:
                first[touched.actor] = touched.op
        for actor in self.core.actors:
            now = first.get(actor, actor.op)
            stood = None if now is None else self._before_unwind(actor, now, excluded)
            if stood is not None and stood is not actor.op:
                yield actor, stood, actor.op

    def _first(self, thing: Thing, steps: int) -> list[Any]:
        """The state of a thing before the first of these steps that wrote it; empty if none did."""
        writing = self._order.writing(*self._objects.of((thing,))) & steps
        while writing:
            bit = writing & -writing
            writing ^= bit
            found = [state for other, state in self._objects.steps[bit.bit_length() - 1][1] if other is thing]
            if found:
                return found[:1]
        return []

    def possible(self, actor: Actor, op: Op, excluded: int) -> tuple[list[str], int]:
        """Which outcomes the op could have in the present state, and how many there are to choose from."""
        cpu = actor.cpu
        if cpu is not None and cpu.closed_to(actor):
            return [], 0
        outcomes = op.outcomes(actor) if op.needs & FALLIBLE else ("",)
        if op.__class__ is Join:
            born = self._objects.born
            thing: Any = op.thing
            ready = all(child.ended or excluded >> born[child.path] & 1 for child in thing.children)
        elif op.__class__ is Fire:
            ready = op.enabled(actor) and any(not other.ended and not other.daemon for other in self.core.actors)
        else:
            ready = not op.needs & CONDITIONAL or op.enabled(actor)
        if cpu is None and op.__class__ is not Fire:  # a fault of the environment
            return ([""] if op.enabled(actor) else []), 0
        return (list(outcomes), len(outcomes)) if ready else (list(outcomes[1:]), 0)
