"""Reader-writer semaphores: many readers, or one writer, and all of them may sleep.

No queue: a reader may pass a writer that waits, and any waiter that is enabled may win. Who reads and
takes it for write waits for itself.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from dmabuf_async.machine.locks import AnyLock, LockOp, Taking

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.lock_order import LockOrder
    from dmabuf_async.machine.marks import Marks

BY_PATH = attrgetter("path")


class RwSem(AnyLock):
    """``struct rw_semaphore``."""

    __slots__ = (
        "_down_read", "_down_read_trylock", "_down_write", "_down_write_trylock", "_up_read", "_up_write",
        "readers", "writer",
    )  # fmt: skip
    STATE = ("readers", "writer")
    KIND = "rwsem"

    def __init__(self, name: str, lock_class: str | None, marks: Marks, order: LockOrder) -> None:
        super().__init__(name, lock_class, marks, order)
        self.readers: tuple[Actor, ...] = ()  # by path; twice, who reads twice
        self.writer: Actor | None = None
        self._down_read = DownRead(self)
        self._down_read_trylock = DownReadTrylock(self)
        self._down_write = DownWrite(self)
        self._down_write_trylock = DownWriteTrylock(self)
        self._up_read = UpRead(self)
        self._up_write = UpWrite(self)

    def down_read(self) -> DownRead:
        """Wait until nobody writes, and take it for reading."""
        return self._down_read

    def down_read_trylock(self) -> DownReadTrylock:
        """Take it for reading if nobody writes; the result says whether. Never waits."""
        return self._down_read_trylock

    def down_write(self) -> DownWrite:
        """Wait until nobody reads or writes, and take it for writing."""
        return self._down_write

    def down_write_trylock(self) -> DownWriteTrylock:
        """Take it for writing if nobody holds it; the result says whether. Never waits."""
        return self._down_write_trylock

    def up_read(self) -> UpRead:
        """Give back one reading hold."""
        return self._up_read

    def up_write(self) -> UpWrite:
        """Give back the writing hold."""
        return self._up_write

    def holders(self) -> tuple[Actor, ...]:
        return self.readers if self.writer is None else (self.writer,)

    def read_by(self, actor: Actor) -> None:
        """``actor`` reads from now on."""
        self.readers = tuple(sorted((*self.readers, actor), key=BY_PATH))


class DownRead(Taking):
    __slots__ = ()
    kind = "down_read"
    parks = conditional = sleeps = True
    thing: RwSem

    def enabled(self, actor: Actor) -> bool:
        return self.thing.writer is None

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.read_by(actor)
        self.take(actor)


class DownWrite(Taking):
    __slots__ = ()
    kind = "down_write"
    parks = conditional = sleeps = every = True
    thing: RwSem

    def enabled(self, actor: Actor) -> bool:
        return self.thing.writer is None and not self.thing.readers

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.writer = actor
        self.take(actor)


class DownReadTrylock(LockOp):
    __slots__ = ()
    kind = "down_read_trylock"
    thing: RwSem

    def apply(self, actor: Actor, outcome: int) -> bool:
        if self.thing.writer is not None:
            return False
        self.thing.read_by(actor)
        self.thing.taken(actor)
        return True


class DownWriteTrylock(LockOp):
    __slots__ = ()
    kind = "down_write_trylock"
    thing: RwSem

    def apply(self, actor: Actor, outcome: int) -> bool:
        sem = self.thing
        if sem.writer is not None or sem.readers:
            return False
        sem.writer = actor
        sem.taken(actor)
        return True


class UpRead(LockOp):
    __slots__ = ()
    kind = "up_read"
    thing: RwSem

    def apply(self, actor: Actor, outcome: int) -> None:
        sem = self.thing
        if actor not in sem.readers:
            sem.misused(actor, "calls up_read on")
            return
        at = sem.readers.index(actor)
        sem.readers = sem.readers[:at] + sem.readers[at + 1 :]
        sem.given(actor)


class UpWrite(LockOp):
    __slots__ = ()
    kind = "up_write"
    thing: RwSem

    def apply(self, actor: Actor, outcome: int) -> None:
        sem = self.thing
        if sem.writer is not actor:
            sem.misused(actor, "calls up_write on")
            return
        sem.writer = None
        sem.given(actor)
