"""Spinlocks: whoever holds one, or spins for it, is not preempted and may not sleep (DESIGN 4, CPUs).

As in Linux, ``spin_lock`` disables preemption before it spins, and ``spin_lock_irqsave`` turns interrupts off
too: so a waiter keeps its CPU, and answers no IPI in the latter case.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from dmabuf_async.machine.locks import AnyLock, LockOp, Taking
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.lock_order import LockOrder
    from dmabuf_async.machine.marks import Marks
    from dmabuf_async.ops import Op


class Spinlock(AnyLock):
    """A lock that is waited for without sleeping."""

    __slots__ = ("_lock", "_lock_irqsave", "_try_lock", "_unlock", "_unlock_irqrestore", "owner", "spin")
    STATE = ("owner",)
    KIND = "spinlock"

    def __init__(self, name: str, lock_class: str | None, marks: Marks, order: LockOrder) -> None:
        super().__init__(name, lock_class, marks, order)
        self.owner: Actor | None = None
        self.spin = Spin(self)
        self._lock = SpinLock(self)
        self._lock_irqsave = SpinLockIrqsave(self)
        self._try_lock = SpinTryLock(self)
        self._unlock = SpinUnlock(self)
        self._unlock_irqrestore = SpinUnlockIrqrestore(self)

    def lock(self) -> SpinLock:
        """Disable preemption, spin until it is free, and take it. Taking it twice spins for ever."""
        return self._lock

    def lock_irqsave(self) -> SpinLockIrqsave:
        """Turn interrupts off first, and remember whether they were."""
        return self._lock_irqsave

    def try_lock(self) -> SpinTryLock:
        """Take it if it is free; the result says whether it was."""
        return self._try_lock

    def unlock(self) -> SpinUnlock:
        """Give it back. Interrupts stay as they are."""
        return self._unlock

    def unlock_irqrestore(self) -> SpinUnlockIrqrestore:
        """Give it back, and make interrupts what they were when ``lock_irqsave`` was called."""
        return self._unlock_irqrestore

    def holders(self) -> tuple[Actor, ...]:
        return () if self.owner is None else (self.owner,)


class _CpuBound:
    """What spinlock ops do to the CPU of their actor: who else stands there may, or may not, run from now on."""

    __slots__ = ()
    structural = True
    thing: Any

    def commit(self, actor: Actor) -> None:
        assert actor.run is not None
        assert actor.cpu is not None
        actor.run.recheck(actor.cpu.pending)


class SpinLock(_CpuBound, Taking):
    """spin_lock up to where it has the lock, or spins; the result says which."""

    __slots__ = ()
    kind = "spin_lock"
    thing: Spinlock

    def __await__(self) -> Generator[Op, Any, Any]:
        if not (yield self):
            yield self.thing.spin

    def apply(self, actor: Actor, outcome: int) -> bool:
        assert actor.cpu is not None
        actor.cpu.enter(actor, self.thing)
        return self._attempt(actor)

    def _attempt(self, actor: Actor) -> bool:
        if self.thing.owner is not None:
            return False
        self.thing.owner = actor
        self.take(actor)
        return True

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        assert actor.cpu is not None
        return (*super().writes(actor), actor.cpu)


class SpinLockIrqsave(SpinLock):
    __slots__ = ()
    kind = "spin_lock_irqsave"

    def apply(self, actor: Actor, outcome: int) -> bool:
        cpu = actor.cpu
        assert cpu is not None
        saved = cpu.irqs_off
        cpu.turn_irqs(actor, off=True)
        cpu.enter(actor, self.thing, saved)
        return self._attempt(actor)


class Spin(Taking):
    """The rest of spin_lock, of somebody who spins."""

    __slots__ = ()
    kind = "spin"
    parks = conditional = common = True
    thing: Spinlock

    def enabled(self, actor: Actor) -> bool:
        return self.thing.owner is None

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.owner = actor
        self.take(actor)

    def describe(self) -> str:
        return f"spin for {self.thing.name}"


class SpinTryLock(_CpuBound, LockOp):
    __slots__ = ()
    kind = "spin_trylock"
    thing: Spinlock

    def apply(self, actor: Actor, outcome: int) -> bool:
        lock, cpu = self.thing, actor.cpu
        assert cpu is not None
        if lock.owner is not None:
            return False
        lock.owner = actor
        cpu.enter(actor, lock)
        lock.taken(actor)
        return True

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        assert actor.cpu is not None
        return (self.thing, actor.cpu)


class SpinUnlock(_CpuBound, LockOp):
    __slots__ = ()
    kind = "spin_unlock"
    thing: Spinlock

    def apply(self, actor: Actor, outcome: int) -> None:
        lock, cpu = self.thing, actor.cpu
        assert cpu is not None
        if lock.owner is not actor:
            lock.misused(actor, "unlocks")
            return
        lock.owner = None
        lock.given(actor)
        hold = cpu.leave(lock)
        if self.kind == "spin_unlock_irqrestore" and hold is not None and hold.irqs_off is not None:
            cpu.turn_irqs(actor, off=hold.irqs_off)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        assert actor.cpu is not None
        return (self.thing, actor.cpu)


class SpinUnlockIrqrestore(SpinUnlock):
    """Whatever ``spin_lock`` took has nothing to restore."""

    __slots__ = ()
    kind = "spin_unlock_irqrestore"
