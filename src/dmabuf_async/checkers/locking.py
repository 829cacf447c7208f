"""Locks that are given back by others, and what may not be called while one is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.machine.lock_order import RANKS
from dmabuf_async.machine.locks import Taking
from dmabuf_async.machine.memory import Alloc
from dmabuf_async.machine.spinlock import Spin
from dmabuf_async.machine.storage import Switch

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.marks import Mark
    from dmabuf_async.ops import Op


class DoubleUnlock(Checker):
    """A lock is given back by somebody who does not hold it."""

    __slots__ = ()
    codes = ("double-unlock",)

    def marked(self, mark: Mark) -> Found | None:
        return Found("double-unlock", "P7", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))


class LockOrder(Checker):
    """P7's order is told at the call, whether or not it would wait; an inverted edge when the lock is had."""

    __slots__ = ()
    codes = ("lock-order",)

    def called(self, machine: Machine, actor: Actor, op: Op) -> Found | None:
        held = actor.locks
        if not held or not isinstance(op, Taking | Alloc) or isinstance(op, Spin):
            return None
        taken = "reclaim" if isinstance(op, Alloc) else op.thing.lock_class
        rank = RANKS.get(taken)
        first = None if rank is None else next((lock for lock in held if RANKS.get(lock.lock_class, -1) > rank), None)
        if first is None:
            return None
        calls = f"calls what may enter reclaim ({op.describe()})" if isinstance(op, Alloc) else f"takes {op.thing.name}"
        message = f"{actor.name} {calls} while it holds {first.name}, and {taken} comes before {first.lock_class}"
        return Found("lock-order", "P7", message, actor, (op.thing, first))

    def marked(self, mark: Mark) -> Found | None:
        return Found("lock-order", "P7", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))


class MissingLock(Checker):
    """A call that a rule says needs a lock is made without it.

    V7: eviction and migration hold the buffer's lock up to the switch. Other calls are marked, with the rule
    in brackets at the end of the detail.
    """

    __slots__ = ()
    codes = ("missing-lock",)
    ops = (Switch,)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        buffer = op.thing.buffer
        lock = buffer.lock
        if lock is None or lock in actor.locks or buffer.life.released:  # the last put has nobody to lock out
            return None
        message = f"{actor.name} switches {op.thing.name} and does not hold {lock.name}"
        return Found("missing-lock", "V7", message, actor, (op.thing, lock))

    def marked(self, mark: Mark) -> Found | None:
        detail, _, rule = mark.detail.rpartition(" (")
        return Found("missing-lock", rule.rstrip(")"), f"{mark.actor.name} {detail}", mark.actor, (mark.thing,))
