"""Stub."""

from __future__ import annotations

from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing


class RwSem(Thing):
    __slots__ = ("marks", "readers", "writer")
    STATE = ("writer", "readers")
    KIND = "rwsem"

    def __init__(self, name, marks):
        super().__init__(name)
        self.marks = marks
        self.writer = None
        self.readers = ()

    def down_read(self):
        return DownRead(self)

    def up_read(self):
        return UpRead(self)

    def down_write(self):
        return DownWrite(self)

    def up_write(self):
        return UpWrite(self)


class _RwOp(Op):
    __slots__ = ("thing",)
    wakes = True

    def __init__(self, thing):
        self.thing = thing

    def writes(self, actor):
        return (self.thing,)


class DownRead(_RwOp):
    __slots__ = ()
    kind = "down_read"
    parks = conditional = sleeps = True

    def enabled(self, actor):
        return self.thing.writer is None

    def apply(self, actor, outcome):
        self.thing.readers = tuple(sorted((*self.thing.readers, actor), key=lambda a: a.path))

    def blockers(self, actor):
        return (self.thing.writer,) if self.thing.writer else ()


class UpRead(_RwOp):
    __slots__ = ()
    kind = "up_read"

    def apply(self, actor, outcome):
        readers = list(self.thing.readers)
        readers.remove(actor)
        self.thing.readers = tuple(readers)


class DownWrite(_RwOp):
    __slots__ = ()
    kind = "down_write"
    parks = conditional = sleeps = True

    def enabled(self, actor):
        return self.thing.writer is None and not self.thing.readers

    def apply(self, actor, outcome):
        self.thing.writer = actor

    def blockers(self, actor):
        return (self.thing.writer,) if self.thing.writer else self.thing.readers


class UpWrite(_RwOp):
    __slots__ = ()
    kind = "up_write"

    def apply(self, actor, outcome):
        self.thing.writer = None
