"""What tasks do with one another: locks, cells, and the passing of time."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, field

from dmabuf_async.scenario.fields import CellValue, CpuNumber, Name, OnError, Relation
from dmabuf_async.scenario.verbs.base import Verb

Skip: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]


class Lock(Verb, frozen=True, kw_only=True, tag="lock"):
    """Take a mutex; may sleep."""

    mutex: Name


class Unlock(Verb, frozen=True, kw_only=True, tag="unlock"):
    """Give a mutex back."""

    mutex: Name


class Trylock(Verb, frozen=True, kw_only=True, tag="trylock"):
    """Take a mutex if it is free; never waits (rule P12).

    skip: how many of the steps that follow are left out if it is not, 0 to 1000.
    """

    mutex: Name
    skip: Skip


class SpinLock(Verb, frozen=True, kw_only=True, tag="spin_lock"):
    """Take a spinlock; until spin_unlock the task must not sleep, and nobody else of its CPU runs."""

    spinlock: Name


class SpinTrylock(Verb, frozen=True, kw_only=True, tag="spin_trylock"):
    """Take a spinlock if it is free; never waits.

    skip: how many of the steps that follow are left out if it is not, 0 to 1000.
    """

    spinlock: Name
    skip: Skip


class SpinUnlock(Verb, frozen=True, kw_only=True, tag="spin_unlock"):
    """Give a spinlock back; interrupts stay as they are."""

    spinlock: Name


class SpinLockIrqsave(Verb, frozen=True, kw_only=True, tag="spin_lock_irqsave"):
    """Turn the interrupts of the task's CPU off and take a spinlock."""

    spinlock: Name


class SpinUnlockIrqrestore(Verb, frozen=True, kw_only=True, tag="spin_unlock_irqrestore"):
    """Give a spinlock back, and make interrupts what they were before spin_lock_irqsave."""

    spinlock: Name


class DownRead(Verb, frozen=True, kw_only=True, tag="down_read"):
    """Take a reader-writer semaphore for reading; may sleep."""

    rwsem: Name


class DownReadTrylock(Verb, frozen=True, kw_only=True, tag="down_read_trylock"):
    """Take a reader-writer semaphore for reading if no writer has it; never waits.

    skip: how many of the steps that follow are left out if one has, 0 to 1000.
    """

    rwsem: Name
    skip: Skip


class UpRead(Verb, frozen=True, kw_only=True, tag="up_read"):
    """Give back a reader-writer semaphore that was taken for reading."""

    rwsem: Name


class DownWrite(Verb, frozen=True, kw_only=True, tag="down_write"):
    """Take a reader-writer semaphore for writing; may sleep."""

    rwsem: Name


class DownWriteTrylock(Verb, frozen=True, kw_only=True, tag="down_write_trylock"):
    """Take a reader-writer semaphore for writing if nobody has it; never waits.

    skip: how many of the steps that follow are left out if somebody has, 0 to 1000.
    """

    rwsem: Name
    skip: Skip


class UpWrite(Verb, frozen=True, kw_only=True, tag="up_write"):
    """Give back a reader-writer semaphore that was taken for writing."""

    rwsem: Name


class LocalIrqDisable(Verb, frozen=True, kw_only=True, tag="local_irq_disable"):
    """Turn the interrupts of the task's CPU off; until local_irq_enable it answers no IPI."""


class LocalIrqEnable(Verb, frozen=True, kw_only=True, tag="local_irq_enable"):
    """Turn the interrupts of the task's CPU on."""


class SmpCallFunction(Verb, frozen=True, kw_only=True, tag="smp_call_function"):
    """Send an IPI to a CPU, and wait for the answer.

    cpu: below the cpus of the machine.
    """

    cpu: CpuNumber


class Read(Verb, frozen=True, kw_only=True, tag="read"):
    """Load a cell by a plain access, which can race."""

    cell: Name


class Write(Verb, frozen=True, kw_only=True, tag="write"):
    """Store a value in a cell by a plain access, which can race.

    value: an integer of 64 bits.
    """

    cell: Name
    value: CellValue


class Set(Verb, frozen=True, kw_only=True, tag="set"):
    """Store a value in a cell, with all that was done before, for whoever waits for it: a store_release.

    value: an integer of 64 bits.
    """

    cell: Name
    value: CellValue


class Wait(Verb, frozen=True, kw_only=True, tag="wait"):
    """Sleep until a cell stands in a relation to a value, and come after what was done before it did.

    is: the relation. value: an integer of 64 bits. interruptible: a signal may end the wait with EINTR; then on_error
    says what follows. on_error: "unwind" ends the task in good order, "ignore" goes on with the next step.
    """

    cell: Name
    is_: Relation = field(name="is", default="==")
    value: CellValue
    interruptible: bool = False
    on_error: OnError = "unwind"


class Sleep(Verb, frozen=True, kw_only=True, tag="sleep"):
    """Sleep for some virtual time.

    ticks: how long, 1 to 1000000.
    """

    ticks: Annotated[int, Meta(ge=1, le=1_000_000)]


AnyTrylock: TypeAlias = Trylock | SpinTrylock | DownReadTrylock | DownWriteTrylock
"""What may leave steps out."""
