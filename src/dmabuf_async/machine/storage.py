"""Buffers: which place holds each page, how it is copied and switched, who refers to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dmabuf_async.machine.access import copy, line_at, load
from dmabuf_async.machine.attachment import Attached
from dmabuf_async.machine.ledger import PinTable
from dmabuf_async.machine.memory import placed
from dmabuf_async.machine.sizes import PAGE_SIZE
from dmabuf_async.machine.word import Word
from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.locks import Mutex
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.word import Location


class Copying(Thing):
    """How far the copies of one page from place to place have come, and where it was: memory of checkers.

    It is an object of its own because a store to one word and the copy of another don't commute: whether the copy was
    torn depends on which came first.
    """

    __slots__ = ("full", "gone", "page", "progress")
    STATE = ()
    MEMORY = ("past", "gone", "progress")
    KIND = "copying"

    def __init__(self, page: str, words: int) -> None:
        super().__init__(f"copies of {page}")  # names tell objects apart in the causal past of a trace
        self.page = page
        self.full = (1 << words) - 1
        self.progress: Mapping[Place, tuple[Place, int]] = {}
        """Target to source, and the bit set of the words that have been copied."""
        self.gone: frozenset[Location] = frozenset()
        """Locations of places that were its storage and are so no longer: what lies there doesn't count."""

    @staticmethod
    def state_of(copying: Any) -> None:
        """Nothing of it is state."""

    def restore(self, state: object) -> None:
        """Nothing to put back."""

    def copied(self, index: int, source: Place, target: Place) -> None:
        """One word was copied; after the last one, the first begins a new copy."""
        old, words = self.progress.get(target, (source, 0))
        words = 0 if old is not source or words == self.full else words
        self.progress = {**self.progress, target: (source, words | 1 << index)}

    def unfinished(self, index: int, source: Place) -> list[Place]:
        """Targets to which this word has been copied from ``source``, and not yet all of the page."""
        return [
            target for target, (place, words) in self.progress.items()
            if place is source and words != self.full and words >> index & 1
        ]  # fmt: skip

    def end(self, place: Place) -> None:
        """Copies from and to ``place`` are over."""
        if self.progress:
            self.progress = {
                target: copy for target, copy in self.progress.items() if target is not place and copy[0] is not place
            }


class Page(Thing):
    """storage[(buffer, page)]: a frame, a swap slot, or nothing. Only *switch* changes it."""

    __slots__ = ("buffer", "copying", "index", "where", "words")
    STATE = ("where",)
    KIND = "page"

    def __init__(self, buffer: Buffer, index: int, words: int) -> None:
        super().__init__(f"{buffer.name}[{index}]")
        self.buffer = buffer
        self.index = index
        self.where: Place | None = None
        self.copying = Copying(self.name, words)
        self.words = tuple(Word(self.copying, number, buffer.machine.events) for number in range(words))

    def look(self) -> Where:
        """Read where it is: a place, or None."""
        return Where(self)

    def switch(self, place: Place | None) -> Switch:
        """Make ``place`` its storage; None: it is nowhere."""
        return Switch(self, None if place is None else placed(place))

    def copy(self, word: int, source: Place, target: Place) -> CopyWord:
        """Copy one word from place to place; a page copy is one op a word, so it can be torn. Raises IndexError."""
        if not 0 <= word < len(self.words):
            raise IndexError(f"{self.name} has the words 0 to {len(self.words) - 1}, and not {word}")
        return CopyWord(self, word, placed(source), placed(target))

    def fill(self, place: Place) -> None:
        """Set up, before the run: the page's initial content lies in ``place``."""
        place.owner = self
        self.where = place
        self.begin(place)

    def begin(self, place: Place) -> None:
        """Where it was nowhere, its content is now what lies in ``place``: that of before the run, or zeros."""
        for word in self.words:
            if not word.newest:
                word.newest = frozenset((place,))

    def loses(self, actor: Actor, words: list[Word], how: str, by: Thing | None = None) -> None:
        """Writes to some of its words were destroyed, ``by`` a line maybe, and nothing later survives.

        Of a released buffer nobody will miss them. Where nothing at all survives, as the page has no storage, the
        contents were given up, and who reads them once more is told then.
        """
        if self.buffer.life.released:
            return
        for word in words:
            if self.where is not None or word.surviving():
                detail = f"{how}: a write to word {word.index} of {self.name} is lost"
                self.buffer.machine.marks.add("lost-write", actor, by or word, detail)
                return


class Life(Thing):
    """Whether a buffer has been released: an object of its own, since of many puts only the last one changes it."""

    __slots__ = ("released",)
    STATE = ("released",)
    KIND = "life"

    def __init__(self, buffer: str) -> None:
        super().__init__(f"life of {buffer}")  # names tell objects apart in the causal past of a trace
        self.released = False


class Buffer(Thing):
    """One dma_buf: its pages, its exporter, and a reference count (V15).

    ``lock`` is what rfc-2012 calls the buffer's lock; an exporter that needs none has none.
    """

    __slots__ = ("attached", "exporter", "life", "lock", "machine", "pages", "pins", "references")
    STATE = ("references",)
    KIND = "dma_buf"

    def __init__(self, machine: Machine, name: str, pages: int, words: int) -> None:
        super().__init__(name)
        self.machine = machine
        self.pages = tuple(Page(self, index, words) for index in range(pages))
        self.pins = PinTable(f"{name}.pins")
        self.attached = Attached(self)
        self.references = 1  # the fd that the exporting process holds
        self.life = Life(name)
        self.lock: Mutex | None = None
        self.exporter: Any = None  # drivers lie above the machine

    def used_by(self, actor: Actor) -> None:
        """A protocol call: nobody may make one after the last reference is gone (V15)."""
        if self.life.released:
            self.machine.marks.add("use-after-free", actor, self, f"uses {self.name}, which has been released")

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.pages) * PAGE_SIZE

    def part(self, first: int, end: int) -> str:
        """The pages [first, end) in words: ``fb`` for all of it, ``fb[0]``, ``fb[0..1]``."""
        if (first, end) == (0, len(self.pages)):
            return self.name
        return f"{self.name}[{first}]" if end == first + 1 else f"{self.name}[{first}..{end - 1}]"


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

    def worded(self, result: Place | None) -> str:
        return "nowhere" if result is None else result.name


class Switch(Op):
    __slots__ = ("left", "place", "thing")
    kind = "switch"
    thing: Page

    def __init__(self, page: Page, place: Place | None) -> None:
        self.thing = page
        self.place = place
        self.left: Place | None = None  # where it was, for checkers

    def apply(self, actor: Actor, outcome: int) -> None:
        page, old, new = self.thing, self.thing.where, self.place
        self.left = old
        page.where = new
        if old is not None:
            old.rmap.moving = None
        if old is new:
            return
        torn = [word for word in page.words if new in word.held.torn]
        if torn and new is not None:
            detail = f"word {torn[0].index} of {page.name} was written after it had been copied to"
            page.buffer.machine.marks.add("torn-copy", actor, torn[0], f"{detail} {_place(new)}, and before the last")
            for word in torn:
                word.tear(new, torn=False)
        written = [(word, word.surviving()) for word in page.words if word.held.at]
        copying = page.copying
        if old is not None and old.owner is page:
            copying.gone |= {old, *old.lines}
        if new is not None:
            if old is None:
                page.begin(new)
            copying.gone -= {new, *new.lines}
            copying.end(new)
        lost = [word for word, counted in written if word.loses_any(counted)]
        if lost:
            how = f"{actor.name} switches {page.name} to {_place(new)}, which has an older version"
            page.loses(actor, lost, how)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        page = self.thing
        return (page.buffer.life, *page.buffer.attached.judging(), *(() if page.where is None else (page.where,)))

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        page, old = self.thing, self.thing.where
        return (page, page.buffer.pins, page.copying, *page.words, *(() if old is None else (old.rmap,)))

    def describe(self) -> str:
        return f"switch {self.thing.name} to {_place(self.place)}"


class CopyWord(Op):
    __slots__ = ("begins", "index", "source", "target", "thing")
    kind = "copy"
    thing: Page

    def __init__(self, page: Page, index: int, source: Place, target: Place) -> None:
        self.thing = page
        self.index = index
        self.source = source
        self.target = target
        self.begins = False  # it was the first of a move, for checkers

    def _begins(self) -> bool:
        return self.thing.where is self.source and self.source.rmap.moving is None

    def apply(self, actor: Actor, outcome: int) -> None:
        page, source, target = self.thing, self.source, self.target
        self.begins = self._begins()
        if self.begins:
            source.rmap.moving = target
        for place in (source, target):
            if place.owner is not page:  # no translation is used here, so nothing else would notice
                state = "free" if place.owner is None else f"{place.owner.name}'s by now"
                detail = f"copies a word through {place.name}, which is {state}"
                page.buffer.machine.marks.add("use-after-free", actor, place, detail)
        word = page.words[self.index]
        if source.owner is page:
            load(actor, source, self.index)
        if target.owner is page:
            if copy(word, source, target):
                page.loses(actor, [word], f"{actor.name} copies an older version to {target.name}")
            if source.owner is page:
                word.tear(target, torn=False)
                page.copying.copied(self.index, source, target)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.source, self.target, self.thing, self.thing.buffer.life, self.source.rmap)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        page, index = self.thing, self.index
        lines = (line_at(self.source, index), line_at(self.target, index))
        begun = (self.source.rmap,) if self._begins() else ()
        if lines == (None, None):
            return (page.words[index], page.copying, *begun)
        touched = [thing for line in lines if line is not None for thing in (line, *line.covered())]
        return (*dict.fromkeys((page.words[index], page.copying, *begun, *touched)),)

    def describe(self) -> str:
        return f"copy word {self.index} of {self.thing.name}: {self.source.name} to {self.target.name}"


def _place(place: Place | None) -> str:
    return "nothing" if place is None else place.name
