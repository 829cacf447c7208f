"""Buffers: which place holds each page, which copies of a word are the newest, who refers to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.machine.ledger import PinTable
from dmabuf_async.machine.sizes import PAGE_SIZE
from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.locks import Mutex
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place


class Word(Thing):
    """One word of a page: the places whose copy of it is the newest."""

    __slots__ = ("newest",)
    STATE = ("newest",)
    KIND = "word"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.newest: frozenset[Place] = frozenset()


class Page(Thing):
    """storage[(buffer, page)]: a frame, a swap slot, or nothing. Only *switch* changes it."""

    __slots__ = ("buffer", "index", "where", "words")
    STATE = ("where",)
    KIND = "page"

    def __init__(self, buffer: Buffer, index: int, words: int) -> None:
        super().__init__(f"{buffer.name}[{index}]")
        self.buffer = buffer
        self.index = index
        self.where: Place | None = None
        self.words = tuple(Word(f"{self.name}.{number}") for number in range(words))

    def look(self) -> Where:
        """Read where it is: a place, or None."""
        return Where(self)

    def switch(self, place: Place | None) -> Switch:
        """Make ``place`` its storage."""
        return Switch(self, place)

    def copy(self, word: int, source: Place, target: Place) -> CopyWord:
        """Copy one word from place to place; a page copy is one op a word, so it can be torn."""
        return CopyWord(self, word, source, target)

    def fill(self, place: Place) -> None:
        """Set up, before the run: the page's initial content lies in ``place``."""
        place.owner = self
        self.where = place
        for word in self.words:
            word.newest = frozenset((place,))


class Buffer(Thing):
    """One dma_buf: its pages, its exporter, and a reference count (V15).

    ``lock`` is what rfc-2012 calls the buffer's lock; an exporter that needs none has none.
    """

    __slots__ = ("exporter", "lock", "machine", "pages", "pins", "references")
    STATE = ("references",)
    KIND = "dma_buf"

    def __init__(self, machine: Machine, name: str, pages: int, words: int) -> None:
        super().__init__(name)
        self.machine = machine
        self.pages = tuple(Page(self, index, words) for index in range(pages))
        self.pins = PinTable(f"{name}.pins")
        self.references = 1  # the fd that the exporting process holds
        self.lock: Mutex | None = None
        self.exporter: Any = None  # drivers lie above the machine

    def used_by(self, actor: Actor) -> None:
        """A protocol call: nobody may make one after the last reference is gone (V15)."""
        if self.references == 0:
            self.machine.marks.add("use-after-free", actor, self, f"uses {self.name}, which has been released")

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.pages) * PAGE_SIZE


class Where(Op):
    __slots__ = ("thing",)
    kind = "look"
    thing: Page

    def __init__(self, page: Page) -> None:
        self.thing = page

    def apply(self, actor: Actor, outcome: int) -> Place | None:
        return self.thing.where

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"look where {self.thing.name} is"


class Switch(Op):
    __slots__ = ("place", "thing")
    kind = "switch"
    thing: Page

    def __init__(self, page: Page, place: Place | None) -> None:
        self.thing = page
        self.place = place

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.where = self.place

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        buffer = self.thing.buffer
        return () if buffer.lock in actor.locks else (buffer,)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.thing.buffer.pins)

    def describe(self) -> str:
        return f"switch {self.thing.name} to {'nothing' if self.place is None else self.place.name}"


class CopyWord(Op):
    __slots__ = ("index", "source", "target", "thing")
    kind = "copy"
    thing: Page

    def __init__(self, page: Page, index: int, source: Place, target: Place) -> None:
        self.thing = page
        self.index = index
        self.source = source
        self.target = target

    def apply(self, actor: Actor, outcome: int) -> None:
        page, source, target = self.thing, self.source, self.target
        for place in (source, target):
            if place.owner is not page:  # no translation is used here, so nothing else would notice
                state = "free" if place.owner is None else f"{place.owner.name}'s by now"
                detail = f"copies a word through {place.name}, which is {state}"
                page.buffer.machine.marks.add("use-after-free", actor, place, detail)
        word = page.words[self.index]
        if source in word.newest:
            word.newest |= {target}
        else:
            word.newest -= {target}

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.source, self.target)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.words[self.index],)

    def describe(self) -> str:
        return f"copy word {self.index} of {self.thing.name}: {self.source.name} to {self.target.name}"
