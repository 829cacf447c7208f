"""Kernel mappings: kmap takes a slot for a highmem frame, kmap_atomic makes its CPU atomic.

PROTOCOL 4, kmap slots: slots are per highmem frame and counted, a second kmap of a
mapped frame takes none and never waits; lowmem takes none; a free slot goes to any
waiter.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from dmabuf_async.machine.access import load, load_touches, store, store_touches, told
from dmabuf_async.machine.memory import placed
from dmabuf_async.machine.order import acquire, release
from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cpu import Cpu
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.storage import Buffer, Page

LIMIT = 2
"""An importer holds at most so many mapped pages, to allow copies (V9)."""


class Pool(Thing):
    """The kmap slots of the machine."""

    __slots__ = ("_known", "limit", "mappings", "used")
    STATE = ("used",)
    SYNCHRONISES = True
    KIND = "kmap slots"

    def __init__(self, limit: int) -> None:
        super().__init__("kmap slots")
        self.limit = limit
        self.used = 0
        self.mappings: dict[Mapping, None] = {}  # the live ones, atomic ones too: for views and reports
        self._known: dict[tuple[Any, ...], Mapping] = {}

    def mapping(self, actor: Actor, number: int, buffer: Buffer, page: Page | None, atomic: bool) -> Mapping:
        """A new mapping, not yet made.

        It is the object that was made for the same call of an earlier execution, if there
        was one: so results, and the ops that hold them, mean the same in all executions.
        """
        key = (actor, actor.mapped, number, buffer, page, atomic)
        mapping = self._known.get(key)
        if mapping is None:
            mapping = Mapping(actor, number, buffer, page, atomic)
            if actor.parent is None:  # a spawned one is another actor in every execution
                self._known[key] = mapping
        else:
            mapping.restore(mapping.initial)
            mapping.led = None
            mapping.fingerprint = 0
            mapping.pending.clear()
        return mapping


class Mapping(Thing):
    """One kernel mapping: where it leads, and whether it still does."""

    __slots__ = ("actor", "alive", "atomic", "buffer", "cpu", "led", "number", "page", "place")
    STATE = ("alive", "place", "cpu")
    KIND = "kmap"

    def __init__(self, actor: Actor, number: int, buffer: Buffer, page: Page | None, atomic: bool) -> None:
        super().__init__(f"{actor.name}.kmap{number}")
        self.actor = actor
        self.number = number
        self.buffer = buffer
        self.page = page  # None: beyond the end of the buffer
        self.atomic = atomic
        self.alive = False
        self.place: Place | None = None
        self.led: Place | None = None  # where it was made to lead to, once and for all: for reports
        self.cpu: Cpu | None = None  # of an atomic one: the CPU that it was made on
        self.initial = self.state()

    def load(self, word: int) -> MapLoad:
        """Read a word through it; the result says whether what was read is the newest."""
        return MapLoad(self, word)

    def store(self, word: int) -> MapStore:
        """Write a word through it."""
        return MapStore(self, word)

    def leads(self) -> bool:
        """Whether it still leads to its page's storage."""
        page = self.page
        return self.alive and page is not None and self.place is not None and page.where is self.place

    def leads_to_memory(self) -> bool:
        """Whether a CPU finds memory behind it, not a swap slot, nothing, or memory that only devices reach."""
        return self.leads() and self.place is not None and self.place.zone.visible

    def judged_by(self, actor: Actor) -> tuple[Thing, ...]:
        """What a checker reads to judge an access by ``actor``."""
        page = () if self.page is None else (self.page,)
        return (self, self.buffer.life, self.buffer.pins.get(actor), *page)


class KmapCall(Op):
    """kmap or kmap_atomic is called; the limit is counted here, before it waits (V9)."""

    __slots__ = ("atomic", "index", "thing")
    thing: Buffer

    def __init__(self, buffer: Buffer, index: int, atomic: bool) -> None:
        self.thing = buffer
        self.index = operator.index(index)
        self.atomic = atomic

    def apply(self, actor: Actor, outcome: int) -> Mapping:
        buffer = self.thing
        buffer.used_by(actor)
        number = (~actor.names & (actor.names + 1)).bit_length() - 1
        actor.names |= 1 << number
        page = buffer.pages[self.index] if 0 <= self.index < len(buffer.pages) else None
        if actor.held >= LIMIT:
            buffer.machine.marks.add("kmap-limit", actor, buffer)
        actor.mapped += 1
        return buffer.machine.kmaps.mapping(actor, number, buffer, page, self.atomic)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.life, self.thing.pins.get(actor))

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (actor,)

    def describe(self) -> str:
        return f"{self.kind}({self.thing.name}, {self.index})"


class SleepingKmapCall(KmapCall):
    __slots__ = ()
    kind = "kmap"
    parks = sleeps = True


class AtomicKmapCall(KmapCall):
    __slots__ = ()
    kind = "kmap_atomic"


class Map(Op):
    """Make the mapping, with a slot if the frame is in highmem. Waits for one; never fails (V11)."""

    __slots__ = ("mapping", "place", "thing")
    kind = "map"
    parks = conditional = wakes = True
    thing: Pool

    def __init__(self, mapping: Mapping, place: Place | None) -> None:
        self.thing = mapping.buffer.machine.kmaps
        self.mapping = mapping
        self.place = None if place is None else placed(place)

    def enabled(self, actor: Actor) -> bool:
        place = self.place
        return place is None or not place.zone.highmem or place.maps > 0 or self.thing.used < self.thing.limit

    def apply(self, actor: Actor, outcome: int) -> Mapping:
        mapping, place, pool = self.mapping, self.place, self.thing
        mapping.alive = True
        mapping.place = mapping.led = place
        actor.held += 1
        pool.mappings[mapping] = None
        if place is not None and place.zone.highmem:
            place.maps += 1
            if place.maps == 1:
                pool.used += 1
                acquire(actor, pool)
        return mapping

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.mapping.judged_by(actor)[1:]

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        if self.place is not None and self.place.zone.highmem:
            return (self.mapping, actor, self.thing, self.place)
        return (self.mapping, actor)

    def describe(self) -> str:
        return f"map {_name(self.mapping)} at {'nothing' if self.place is None else self.place.name}"

    def blockers(self, actor: Actor) -> tuple[Actor, ...]:
        mappings = sorted(self.thing.mappings, key=lambda mapping: (mapping.actor.path, mapping.number))
        slots = (mapping for mapping in mappings if not mapping.atomic)
        return tuple(m.actor for m in slots if m.place is not None and m.place.zone.highmem)


class Unmap(Op):
    """kunmap: the translation is gone at once (Linux is lazy). Any task that was handed it may call."""

    __slots__ = ("mapping", "thing")
    kind = "kunmap"
    parks = sleeps = wakes = True
    thing: Pool

    def __init__(self, mapping: Mapping) -> None:
        self.thing = mapping.buffer.machine.kmaps
        self.mapping = mapping

    def apply(self, actor: Actor, outcome: int) -> None:
        mapping, pool = self.mapping, self.thing
        if not mapping.alive:
            mapping.buffer.machine.marks.add("stale-kmap", actor, mapping, f"unmaps {mapping.name} twice")
            return
        place = mapping.place
        forget(mapping)
        if place is not None and place.zone.highmem:
            place.maps -= 1
            if place.maps == 0:
                pool.used -= 1
                release(actor, pool)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.mapping.judged_by(actor)[1:]

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        place = self.mapping.place
        if place is not None and place.zone.highmem:
            return (self.mapping, self.mapping.actor, self.thing, place)
        return (self.mapping, self.mapping.actor)

    def describe(self) -> str:
        return f"kunmap {_name(self.mapping)}"


class MapAtomic(Op):
    """Make an atomic mapping in a slot of the CPU; nobody else of this CPU runs from here on (V12)."""

    __slots__ = ("mapping", "place", "thing")
    kind = "map"
    wakes = True

    def __init__(self, mapping: Mapping, place: Place | None) -> None:
        self.mapping = mapping
        self.place = None if place is None else placed(place)
        self.thing = mapping if mapping.actor.cpu is None else mapping.actor.cpu

    def apply(self, actor: Actor, outcome: int) -> Mapping:
        mapping, cpu = self.mapping, actor.cpu
        assert cpu is not None
        mapping.alive = True
        mapping.place = mapping.led = self.place
        mapping.cpu = cpu
        cpu.enter(mapping.actor, mapping)
        actor.held += 1
        mapping.buffer.machine.kmaps.mappings[mapping] = None
        return mapping

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.mapping.judged_by(actor)[1:]

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        assert actor.cpu is not None
        return (self.mapping, actor, actor.cpu)

    def describe(self) -> str:
        return f"map {_name(self.mapping)} at {'nothing' if self.place is None else self.place.name}, atomic"


class UnmapAtomic(Op):
    """kunmap_atomic: in reverse order, by the task and the CPU that mapped (V12)."""

    __slots__ = ("mapping", "thing")
    kind = "kunmap_atomic"
    wakes = True

    def __init__(self, mapping: Mapping) -> None:
        self.mapping = mapping
        self.thing = mapping if mapping.actor.cpu is None else mapping.actor.cpu

    def apply(self, actor: Actor, outcome: int) -> None:
        mapping, marks = self.mapping, self.mapping.buffer.machine.marks
        if not mapping.alive:
            marks.add("stale-kmap", actor, mapping, f"unmaps {mapping.name} twice")
            return
        cpu = mapping.cpu
        assert cpu is not None
        later = next(hold.thing for hold in reversed(cpu.atomic) if isinstance(hold.thing, Mapping))
        if mapping.actor is not actor or actor.cpu is not cpu:
            marks.add("kmap-order", actor, mapping, f"unmaps what {mapping.actor.name} mapped on {cpu.name}")
        elif later is not mapping:
            marks.add("kmap-order", actor, mapping, f"unmaps {_name(mapping)} before {_name(later)}, mapped later")
        cpu.leave(mapping)
        forget(mapping)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.mapping.judged_by(actor)[1:]

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        cpu = self.mapping.cpu
        return (self.mapping, self.mapping.actor, *(() if cpu is None else (cpu,)))

    def describe(self) -> str:
        return f"kunmap_atomic {_name(self.mapping)}"


def forget(mapping: Mapping) -> None:
    """The translation is gone; its number may be used again."""
    mapping.alive = False
    mapping.place = None
    mapping.cpu = None
    mapping.actor.held -= 1
    mapping.actor.names &= ~(1 << mapping.number)
    mapping.buffer.machine.kmaps.mappings.pop(mapping, None)


def _name(mapping: Mapping) -> str:
    page = "a page beyond the end" if mapping.page is None else mapping.page.name
    return page if mapping.number == 0 else f"{page} ({mapping.number + 1}. mapping)"


class _Access(Op):
    __slots__ = ("thing", "word")
    thing: Mapping

    def __init__(self, mapping: Mapping, word: int) -> None:
        self.thing = mapping
        self.word = word

    def _touch(self, actor: Actor) -> bool:
        mapping = self.thing
        if mapping.leads():
            return True
        if not mapping.alive:
            detail = f"uses its mapping of {_name(mapping)} after kunmap"
        else:
            place = "nothing" if mapping.place is None else mapping.place.name
            detail = f"uses a mapping of {_name(mapping)} that leads to {place}, where the page no longer is"
        mapping.buffer.machine.marks.add("stale-kmap", actor, mapping, detail)
        return False

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.judged_by(actor)

    def describe(self) -> str:
        mapping = self.thing
        place = "" if mapping.led is None else f" ({mapping.led.name})"
        return f"{self.kind} word {self.word} of {_name(mapping)}{place}"


class MapLoad(_Access):
    __slots__ = ()
    kind = "load"

    def worded(self, result: bool) -> str:
        return told(result)

    def apply(self, actor: Actor, outcome: int) -> bool:
        place, led = self.thing.place, self._touch(actor)
        return place is not None and load(actor, place, self.word) and led

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        place, judged = self.thing.place, self.thing.judged_by(actor)
        return judged if place is None else (*judged, *load_touches(place, self.word).reads)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        place = self.thing.place
        return load_touches(place, self.word).writes if place is not None and place.lines else ()


class MapStore(_Access):
    __slots__ = ()
    kind = "store"

    def apply(self, actor: Actor, outcome: int) -> None:
        place = self.thing.place
        self._touch(actor)
        if place is not None:
            store(actor, place, self.word)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        place, judged = self.thing.place, self.thing.judged_by(actor)
        return judged if place is None else (*judged, *store_touches(place, self.word).reads)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        place = self.thing.place
        return () if place is None else store_touches(place, self.word).writes
