"""The objects of a program, numbered for DPOR, and what of its steps is the same from one execution to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from dmabuf_async.machine.lock_order import Pair
from dmabuf_async.strategies.wakeup_tree import Transition

if TYPE_CHECKING:
    from dmabuf_async.engine.table import Entry
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.locks import AnyLock
    from dmabuf_async.ops import Op
    from dmabuf_async.strategies.dpor import Dpor
    from dmabuf_async.strategies.wakeup_tree import Path
    from dmabuf_async.thing import Thing


@dataclass(slots=True)
class Touched:
    """An op that an actor stands before, and what it touches if it is calm."""

    actor: Actor
    op: Op
    context: tuple[Thing, ...]
    """What its actor reads beside."""
    locks: tuple[AnyLock, ...]
    """What it holds: whether an op is steady depends on nothing else."""
    reads: list[int]
    """Objects by their numbers."""
    writes: list[int]
    step: Transition
    steady: bool
    """The same whenever its actor stands where it does."""

    def by(self, actor: Actor, op: Op) -> Touched:
        """The same when the step is made again, in another execution, where the objects may be others."""
        return Touched(actor, op, actor.context, actor.locks, self.reads, self.writes, self.step, steady=False)


Footstep: TypeAlias = tuple[Touched, list[tuple["Thing", Any]]]
"""A step that was made, and what it takes to imagine that it had not been: the states of what it wrote."""


class Objects:
    """Numbers for the things of a program, by kind and name: the same in all executions."""

    def __init__(self, tree: Dpor) -> None:
        self.tree = tree
        self.numbers: dict[int, int] = {}
        self.born: dict[Path, int] = {}
        """The step that spawned an actor. What is left over of other executions is overwritten in time."""
        self.steps: list[Footstep] = []
        """Of the present execution; those that are yet to be made again are of the one before."""
        self.steady = 0
        """So many of them, from the first on, are steady, and nothing was found on the way."""
        self.touched: dict[Entry | None, Touched] = {}
        """Where a task stands before a steady op, by its table."""

    def of(self, things: Iterable[Thing]) -> list[int]:
        """Their numbers."""
        numbers = self.numbers
        found = []
        for thing in things:
            number = numbers.get(thing.key)
            if number is None:
                number = numbers[thing.key] = self.tree.order.number()
            found.append(number)
        return found

    def touch(self, actor: Actor, op: Op) -> Touched:
        """What ``op`` would touch now."""
        entry = actor.entry
        if entry is not None:
            known = self.touched.get(entry)
            if (
                known is not None and entry.op is op and known.context == actor.context and known.locks == actor.locks
            ):  # fmt: skip
                return known
        steady = is_steady(actor, op)
        if actor.judged is None:
            writes = self.of(op.writes(actor))
            reads = self.of((*op.reads(actor), *actor.context))
        else:
            reads, writes = (self.of(things) for things in op.footprint(actor))
        read = wrote = 0
        for number in writes:
            wrote |= 1 << number
        for number in reads:
            read |= 1 << number
        step = Transition(actor.path, "", read & ~wrote, wrote, 1)
        touched = Touched(actor, op, actor.context, actor.locks, reads, writes, step, steady)
        if steady:
            self.touched[entry] = touched
        return touched


def state_of(thing: Thing) -> Any:
    """All of a thing that decides what steps touch, and what may be made: that of a pair of lock classes is memory."""
    return thing.edges if isinstance(thing, Pair) else thing.state_of(thing)


def restore(thing: Thing, state: Any) -> None:
    """Put back what :func:`state_of` returned."""
    if isinstance(thing, Pair):
        thing.edges = state
    else:
        thing.restore(state)


def is_steady(actor: Actor, op: Op) -> bool:
    """Whether ``op`` is steady, and the same object whenever ``actor`` stands where it does."""
    entry = actor.entry
    return entry is not None and entry.op is op and actor.judged is None and op.steady(actor)
