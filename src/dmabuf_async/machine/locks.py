"""Locks: what all kinds have in common, and the mutex. No queue: any waiter that is enabled may win (DESIGN 4).

Misuse is marked, not raised. An unlock comes before the next lock in synchronisation order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.lock_order import LockOrder
    from dmabuf_async.machine.marks import Marks


class AnyLock(Thing):
    """A lock of any kind. ``lock_class`` is what it is to :mod:`~dmabuf_async.machine.lock_order`."""

    __slots__ = ("alone", "lock_class", "marks", "order")
    SYNCHRONISES = True

    def __init__(self, name: str, lock_class: str | None, marks: Marks, order: LockOrder) -> None:
        super().__init__(name)
        self.lock_class = lock_class or name
        self.marks = marks
        self.order = order
        self.alone: tuple[AnyLock, ...] = (self,)

    def holders(self) -> tuple[Actor, ...]:
        """Who holds it: a reader as often as it does."""
        raise NotImplementedError

    def taken(self, actor: Actor) -> None:
        """``actor`` holds it from now on."""
        if not self.marks.wanted:
            return
        actor.past |= self.past
        actor.locks = (*actor.locks, self)

    def given(self, actor: Actor) -> None:
        """``actor`` holds it no longer."""
        if not self.marks.wanted:
            return
        self.past |= actor.past
        actor.epoch = 0
        held = actor.locks
        at = len(held) - 1 - held[::-1].index(self)
        left = held[:at] + held[at + 1 :]
        actor.locks = left[0].alone if len(left) == 1 else left

    def misused(self, actor: Actor, verb: str) -> None:
        """``actor`` gives back what it doesn't hold."""
        names = " and ".join(dict.fromkeys(holder.name for holder in self.holders()))
        holds = f"{names} holds" if names and " and " not in names else f"{names or 'nobody'} hold{'s' * (not names)}"
        self.marks.add("double-unlock", actor, self, f"{verb} {self.name}, which {holds}")


class LockOp(Op):
    """An op that takes a lock, or gives it back."""

    __slots__ = ("thing",)
    wakes = alike = True
    thing: AnyLock

    def __init__(self, lock: AnyLock) -> None:
        self.thing = lock

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.alone


class Taking(LockOp):
    """An op that waits for a lock: it is an edge from what the actor holds to this one."""

    __slots__ = ()
    owed = "held by {}"

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.order.known(actor, self.thing) if actor.locks else ()

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        lock = self.thing
        return (lock, *lock.order.unknown(actor, lock)) if actor.locks else lock.alone

    def take(self, actor: Actor) -> None:
        """``actor`` has waited long enough."""
        lock = self.thing
        if actor.locks:
            lock.order.note(actor, lock)
        lock.taken(actor)

    def blockers(self, actor: Actor) -> tuple[Actor, ...]:
        return self.thing.holders()


class Mutex(AnyLock):
    """A sleeping lock with one owner."""

    __slots__ = ("_lock", "_try_lock", "_unlock", "owner")
    STATE = ("owner",)
    KIND = "mutex"

    def __init__(self, name: str, lock_class: str | None, marks: Marks, order: LockOrder) -> None:
        super().__init__(name, lock_class, marks, order)
        self.owner: Actor | None = None
        self._lock = Lock(self)
        self._try_lock = TryLock(self)
        self._unlock = Unlock(self)

    def lock(self) -> Lock:
        """Wait until it is free and take it. Taking it twice waits for oneself, as in Linux."""
        return self._lock

    def try_lock(self) -> TryLock:
        """Take it if it is free; the result says whether it was. Never waits."""
        return self._try_lock

    def unlock(self) -> Unlock:
        """Give it back."""
        return self._unlock

    def holders(self) -> tuple[Actor, ...]:
        return () if self.owner is None else (self.owner,)


class Lock(Taking):
    __slots__ = ()
    kind = "lock"
    parks = conditional = common = sleeps = True
    thing: Mutex

    def enabled(self, actor: Actor) -> bool:
        return self.thing.owner is None

    def steady(self, actor: Actor) -> bool:
        return not actor.locks

    def apply(self, actor: Actor, outcome: int) -> None:
        mutex = self.thing
        mutex.owner = actor
        if mutex.marks.wanted:
            if actor.locks:
                self.take(actor)
            else:  # the same, without the calls
                actor.past |= mutex.past
                actor.locks = mutex.alone


class TryLock(LockOp):
    __slots__ = ()
    kind = "trylock"
    thing: Mutex

    def steady(self, actor: Actor) -> bool:
        return True

    def apply(self, actor: Actor, outcome: int) -> bool:
        mutex = self.thing
        if mutex.owner is not None:
            return False
        mutex.owner = actor
        mutex.taken(actor)
        return True


class Unlock(LockOp):
    __slots__ = ()
    kind = "unlock"
    thing: Mutex

    def steady(self, actor: Actor) -> bool:
        return True

    def apply(self, actor: Actor, outcome: int) -> None:
        mutex = self.thing
        if mutex.owner is actor:
            mutex.owner = None
            if actor.locks is mutex.alone:  # as `given`
                mutex.past |= actor.past
                actor.epoch = 0
                actor.locks = ()
            else:
                mutex.given(actor)
        else:
            mutex.misused(actor, "unlocks")
