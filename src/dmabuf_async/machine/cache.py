"""The cache of a machine that is not coherent: one set of lines for all CPUs, which devices go past (PROTOCOL 4).

Lines lie over frames of lowmem and highmem, by physical word. What a line holds of a word is kept by the word, as of
any location. Evictions and prefetches are the environment's: it may make so many of each in one execution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.machine.memory import Place
from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.kmap import Mapping
    from dmabuf_async.machine.sizes import Sizes
    from dmabuf_async.machine.word import Word


class Cache(Thing):
    """What the cache may still do on its own account in this execution."""

    __slots__ = ("evictions", "prefetches", "whims")
    STATE = ("evictions", "prefetches")
    KIND = "cache"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__("cache")
        self.evictions = sizes.evictions
        self.prefetches = sizes.prefetches
        self.whims: list[Evict | Prefetch] = []
        """All that it may ever do by itself: the ops of actors of the environment."""

    def cover(self, place: Place, sizes: Sizes) -> tuple[Line, ...]:
        """Lay lines over a frame."""
        place.lines = tuple(Line(place, number, sizes.line_words) for number in range(sizes.lines))
        if self.evictions:
            self.whims += [Evict(self, line) for line in place.lines]
        if self.prefetches:
            self.whims += [Prefetch(self, line) for line in place.lines]
        return place.lines


class Line(Thing):
    """One cache line: whether it holds a copy of its words, and whether that may be newer than memory."""

    __slots__ = ("dirty", "number", "place", "size", "valid")
    STATE = ("valid", "dirty")
    KIND = "line"

    def __init__(self, place: Place, number: int, size: int) -> None:
        super().__init__(f"the line of {place.name}" if number == 0 else f"line {number} of {place.name}")
        self.place = place
        self.number = number
        self.size = size
        self.valid = self.dirty = False

    def covered(self) -> tuple[Word, ...]:
        """The words that lie in it: of the page that owns the frame by now."""
        owner = self.place.owner
        return () if owner is None else owner.words[self.number * self.size : (self.number + 1) * self.size]

    def fill(self) -> None:
        """Load it from memory, if it is not there."""
        if not self.valid:
            self.valid = True
            for word in self.covered():
                word.copy(self.place, self)

    def write_back(self, actor: Actor, how: str) -> None:
        """Clean it: what it holds goes to memory, over whatever was written there. A clean line never does."""
        if not self.dirty:
            return
        self.dirty = False
        owner = self.place.owner
        lost = [word for word in self.covered() if word.copy(self, self.place)]
        if lost and owner is not None:
            owner.loses(actor, lost, f"{how} over a newer version in {self.place.name}", self)

    def invalidate(self, actor: Actor, how: str) -> None:
        """Forget what it holds."""
        if not self.valid:
            return
        self.valid = self.dirty = False
        owner = self.place.owner
        lost = [word for word in self.covered() if word.drop(self)]
        if lost and owner is not None:
            owner.loses(actor, lost, f"{how} and drops what is not in {self.place.name}", self)

    def judged(self) -> tuple[Thing, ...]:
        """What maintenance reads: whose the frame is, and whether that buffer lives."""
        owner = self.place.owner
        return (self.place,) if owner is None else (self.place, owner, owner.copying, owner.buffer.life)


# What CPUs are told to do -----------------------------------------------------------------


class _Maintenance(Op):
    """An op on one line of the frame that a mapping leads to, or of a frame. It is no edge of synchronisation.

    The result says whether the frame is cached at all.
    """

    __slots__ = ("number", "thing")

    def __init__(self, at: Place | Mapping, number: int) -> None:
        self.thing: Any = at
        self.number = number

    def line(self) -> Line | None:
        at = self.thing
        place: Place | None = at if isinstance(at, Place) else at.place
        return None if place is None or self.number >= len(place.lines) else place.lines[self.number]

    def apply(self, actor: Actor, outcome: int) -> bool:
        line = self.line()
        if line is None:
            return False
        self.perform(actor, line)
        return True

    def perform(self, actor: Actor, line: Line) -> None:
        raise NotImplementedError

    def idle(self, line: Line) -> bool:
        """Whether it has nothing to do."""
        return not line.valid

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        line = self.line()
        if line is None:
            return (self.thing,)
        return (self.thing, *line.judged(), line) if self.idle(line) else (self.thing, *line.judged())

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        line = self.line()
        return () if line is None or self.idle(line) else (line, *line.covered())

    def describe(self) -> str:
        at = self.thing
        name = at.name if isinstance(at, Place) else at.buffer.name if at.page is None else at.page.name
        return f"{self.kind} line {self.number} of {name}"


class Clean(_Maintenance):
    """Write a dirty line back; it stays."""

    __slots__ = ()
    kind = "clean"

    def perform(self, actor: Actor, line: Line) -> None:
        line.write_back(actor, f"{actor.name} cleans {line.name}")

    def idle(self, line: Line) -> bool:
        return not line.dirty


class Invalidate(_Maintenance):
    """Forget a line; what was dirty in it is dropped."""

    __slots__ = ()
    kind = "invalidate"

    def perform(self, actor: Actor, line: Line) -> None:
        line.invalidate(actor, f"{actor.name} invalidates {line.name}")


class Flush(_Maintenance):
    """Clean and invalidate a line, as one instruction does."""

    __slots__ = ()
    kind = "flush"

    def perform(self, actor: Actor, line: Line) -> None:
        line.write_back(actor, f"{actor.name} flushes {line.name}")
        line.invalidate(actor, f"{actor.name} flushes {line.name}")


# What the cache does by itself -------------------------------------------------------------


class Evict(Op):
    """A dirty line is written back and forgotten.

    Clean lines are left alone: to forget one shows nothing, as what is read then is at least as new.
    """

    __slots__ = ("cache", "thing")
    kind = "evict"
    structural = True  # the core repeats it, as all that the environment does
    thing: Line

    def __init__(self, cache: Cache, line: Line) -> None:
        self.thing = line
        self.cache = cache

    def enabled(self, actor: Actor) -> bool:
        return self.cache.evictions > 0 and self.thing.dirty

    def apply(self, actor: Actor, outcome: int) -> None:
        self.cache.evictions -= 1
        self.thing.write_back(actor, f"{self.thing.name} is evicted")
        self.thing.invalidate(actor, f"{self.thing.name} is evicted")

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.judged()

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.cache, self.thing, *self.thing.covered())

    def describe(self) -> str:
        return f"evict {self.thing.name}"


class Prefetch(Op):
    """A line is loaded though nobody asked for it: of any frame of lowmem, of highmem only while it is mapped."""

    __slots__ = ("cache", "thing")
    kind = "prefetch"
    structural = True
    thing: Line

    def __init__(self, cache: Cache, line: Line) -> None:
        self.thing = line
        self.cache = cache

    def enabled(self, actor: Actor) -> bool:
        line = self.thing
        return self.cache.prefetches > 0 and not line.valid and (not line.place.zone.highmem or line.place.maps > 0)

    def apply(self, actor: Actor, outcome: int) -> None:
        self.cache.prefetches -= 1
        self.thing.fill()

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.place,)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.cache, self.thing, *self.thing.covered())

    def describe(self) -> str:
        return f"prefetch {self.thing.name}"
