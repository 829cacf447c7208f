"""Mutexes. No queue: any waiter that is enabled may win. Misuse is marked, not raised (DESIGN 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.marks import Marks


class Mutex(Thing):
    """A sleeping lock with one owner."""

    __slots__ = ("_lock", "_try_lock", "_unlock", "alone", "marks", "owner")
    STATE = ("owner",)
    KIND = "mutex"

    def __init__(self, name: str, marks: Marks) -> None:
        super().__init__(name)
        self.owner: Actor | None = None
        self.marks = marks
        self.alone = (self,)
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


class _MutexOp(Op):
    __slots__ = ("thing",)
    wakes = True
    thing: Mutex

    def __init__(self, mutex: Mutex) -> None:
        self.thing = mutex

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.alone


class Lock(_MutexOp):
    __slots__ = ()
    kind = "lock"
    parks = conditional = common = sleeps = True

    def enabled(self, actor: Actor) -> bool:
        return self.thing.owner is None

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.owner = actor

    def blockers(self, actor: Actor) -> tuple[Actor, ...]:
        owner = self.thing.owner
        return () if owner is None else (owner,)


class TryLock(_MutexOp):
    __slots__ = ()
    kind = "trylock"

    def apply(self, actor: Actor, outcome: int) -> bool:
        if self.thing.owner is not None:
            return False
        self.thing.owner = actor
        return True


class Unlock(_MutexOp):
    __slots__ = ()
    kind = "unlock"

    def apply(self, actor: Actor, outcome: int) -> None:
        mutex = self.thing
        if mutex.owner is actor:
            mutex.owner = None
        else:
            holder = "nobody" if mutex.owner is None else mutex.owner.name
            mutex.marks.add("double-unlock", actor, mutex, f"unlocks {mutex.name}, which {holder} holds")
