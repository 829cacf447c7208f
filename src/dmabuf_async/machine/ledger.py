"""The ledger: what is owed, kept from core events for every exporter (PROTOCOL 4, Pins).

A pin is there from the successful return of get to the call of put. The ops here
stand at those moments; exporters cannot forget them, as they don't write them.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from dmabuf_async.machine.sizes import PAGE_SIZE
from dmabuf_async.ops import EINVAL, FallibleOp, Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.storage import Buffer


class PinTable(Thing):
    """All pins of one buffer. It has no state of its own: it stands for the pins of all actors.

    An op that pins or unpins *shares* it (so that pins of different actors commute);
    an op that is judged by anybody's pins, such as a switch, *writes* it.
    """

    __slots__ = ("of",)
    STATE = ()
    KIND = "pins"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.of: dict[Actor, Pins] = {}

    @staticmethod
    def state_of(table: Any) -> None:
        """Nothing: see :class:`Pins`."""

    def restore(self, state: object) -> None:
        """Nothing to put back."""

    def get(self, actor: Actor) -> Pins:
        """The pins of one actor."""
        pins = self.of.get(actor)
        if pins is None:
            pins = self.of[actor] = Pins(self, actor)
        return pins

    def holders(self, page: int) -> list[Actor]:
        """Who pins this page, once for each pin, in canonical order: whoever called first."""
        found = [
            actor
            for actor, pins in self.of.items()
            for first, end in pins.ranges
            if first <= page < end
        ]  # fmt: skip
        return sorted(found, key=lambda actor: actor.path)


class Pins(Thing):
    """The pins that one actor holds on one buffer: a multiset of page ranges [first, end)."""

    __slots__ = ("actor", "ranges", "refused", "table")
    STATE = ("ranges", "refused")
    KIND = "pins"

    def __init__(self, table: PinTable, actor: Actor) -> None:
        super().__init__(f"{table.name}.{actor.name}")
        self.table = table
        self.actor = actor
        self.ranges: tuple[tuple[int, int], ...] = ()
        self.refused = False  # its last get was answered EINVAL (V2)
        self.initial = self.state()

    def covers(self, page: int) -> bool:
        """Whether this actor may access the page."""
        return any(first <= page < end for first, end in self.ranges)


class _Call(Op):
    """A moment of get or put."""

    __slots__ = ("length", "start", "thing")
    thing: Buffer

    def __init__(self, buffer: Buffer, start: int, length: int) -> None:
        self.thing = buffer
        self.start = operator.index(start)
        self.length = operator.index(length)

    def pages(self) -> tuple[int, int]:
        return self.start // PAGE_SIZE, (self.start + self.length) // PAGE_SIZE

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.life,)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.pins.get(actor),)

    def describe(self) -> str:
        if (self.start, self.length) == (0, self.thing.size):
            return f"{self.kind}({self.thing.name})"
        return f"{self.kind}({self.thing.name}, {self.start}, {self.length})"


class GetCall(FallibleOp, _Call):
    """get_backing_storage is called: a range that isn't one is refused (V2)."""

    __slots__ = ()
    kind = "get_backing_storage"
    parks = sleeps = True

    def apply(self, actor: Actor, outcome: int) -> Any:
        self.thing.used_by(actor)
        start, length = self.start, self.length
        good = (
            start >= 0 and length > 0 and not start % PAGE_SIZE and not length % PAGE_SIZE
            and start + length <= self.thing.size
        )  # fmt: skip
        if good:
            return None
        self.thing.pins.get(actor).refused = True
        return EINVAL


class GetReturn(_Call):
    """get_backing_storage returns with success: the range is pinned from here on (V7)."""

    __slots__ = ()
    kind = "pinned"

    def apply(self, actor: Actor, outcome: int) -> None:
        pins = self.thing.pins.get(actor)
        pins.ranges = tuple(sorted((*pins.ranges, self.pages())))
        pins.refused = False

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        first, end = self.pages()
        return (self.thing.pins, *self.thing.pages[first:end])


class PutCall(_Call):
    """put_backing_storage is called: the range is no longer pinned."""

    __slots__ = ()
    kind = "put_backing_storage"
    parks = sleeps = True

    def apply(self, actor: Actor, outcome: int) -> None:
        pins = self.thing.pins.get(actor)
        ranges = list(pins.ranges)
        if self.pages() in ranges and not self.length % PAGE_SIZE and not self.start % PAGE_SIZE:
            ranges.remove(self.pages())
            pins.ranges = tuple(ranges)
        else:
            code = "bad-range" if pins.refused else "unbalanced-put"
            self.thing.machine.marks.add(code, actor, self.thing)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.pins,)


class References(Thing):
    """The references that one kernel task took on one buffer (V15)."""

    __slots__ = ("actor", "buffer", "count")
    STATE = ("count",)
    KIND = "dma_buf"

    def __init__(self, buffer: Buffer, actor: Actor) -> None:
        super().__init__(f"{buffer.name}.refs.{actor.name}")
        self.buffer = buffer
        self.actor = actor
        self.count = 0
        self.initial = 0
