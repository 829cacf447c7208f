"""Page frames and swap slots: places that hold the words of a page, each in a finite zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.machine.translations import Rmap
from dmabuf_async.ops import CALM, ENOMEM, ENOSPC, FallibleOp, Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cache import Line
    from dmabuf_async.machine.marks import Marks
    from dmabuf_async.machine.sizes import Faults
    from dmabuf_async.machine.storage import Page


class Place(Thing):
    """A page frame, or a slot of the swap space."""

    __slots__ = ("lines", "maps", "number", "owner", "rmap", "taker", "zone")
    STATE = ("owner", "maps", "taker")
    KIND = "frame"

    def __init__(self, zone: Zone, number: int) -> None:
        super().__init__(f"{zone.name}#{number}")
        self.zone = zone
        self.number = number
        self.rmap = Rmap(self.name)
        self.lines: tuple[Line, ...] = ()  # of the cache, over its words; none if it is uncached
        self.owner: Page | None = None  # None: free. From the allocation on, the page it is filled for
        self.taker: Actor | None = None  # who allocated it: a leak is laid at its door
        self.maps = 0  # live kernel mappings of a highmem frame, which share one slot


class Free:
    """The free places of a zone as a persistent list, soonest first; hashing is O(1)."""

    __slots__ = ("count", "key", "place", "rest")

    def __init__(self, place: Place, rest: Free | None) -> None:
        self.place = place
        self.rest = rest
        self.count: int = 1 if rest is None else rest.count + 1
        self.key: int = hash((place.key, 0 if rest is None else rest.key))

    def __hash__(self) -> int:
        return self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Free) and self.key == other.key


class Zone(Thing):
    """One kind of memory, finite: ``ram`` (lowmem), ``high`` (highmem), ``vram`` (device memory) or ``swap``.

    Freed places are reused soonest first, because that shows most bugs.
    """

    __slots__ = ("faults", "free", "highmem", "marks", "places", "resident", "visible")
    STATE = ("free",)
    KIND = "zone"

    def __init__(self, name: str, size: int, faults: Faults, marks: Marks, *, visible: bool) -> None:
        super().__init__(name)
        self.highmem = name == "high"
        self.resident = name != "swap"  # made of frames, not of slots
        self.visible = visible  # a CPU can reach it
        self.faults = faults
        self.marks = marks
        self.places = tuple(Place(self, number) for number in range(size))
        self.free: Free | None = None
        for place in reversed(self.places):
            self.free = Free(place, self.free)

    def alloc(self, page: Page) -> Alloc:
        """Take a free place to be filled for ``page``; fails with ENOMEM (swap: ENOSPC)."""
        return Alloc(self, paged(page))

    def try_alloc(self, page: Page) -> TryAlloc:
        """The same, but the result is None if there is none: reclaim may find one. It fails where reclaim would too."""
        return TryAlloc(self, paged(page))

    def release(self, place: Place) -> Release:
        """Free a place of this zone. Raises TypeError for what is no place, ValueError for that of another zone."""
        if placed(place).zone is not self:
            raise ValueError(f"{place.name} is no place of {self.name}")
        return Release(self, place)

    def take(self, page: Page) -> Place | None:
        """The next free place, now owned by ``page``; None if there is none."""
        if self.free is None:
            return None
        place = self.free.place
        self.free = self.free.rest
        place.owner = page
        return place


class Alloc(FallibleOp):
    """Allocate a frame or slot. May enter reclaim, so it may not be called in atomic context."""

    __slots__ = ("page", "thing")
    kind = "alloc"
    parks = sleeps = True
    thing: Zone

    def __init__(self, zone: Zone, page: Page) -> None:
        self.thing = zone
        self.page = page

    def outcomes(self, actor: Actor) -> tuple[str, ...]:
        zone = self.thing
        if zone.resident and zone.faults.enomem and zone.free is not None:
            return ("", "ENOMEM")
        return ("",)

    def apply(self, actor: Actor, outcome: int) -> Any:
        zone = self.thing
        if outcome != CALM:
            zone.faults.enomem -= 1
            return ENOMEM
        place = zone.take(self.page)
        if place is None:
            return ENOMEM if zone.resident else ENOSPC
        place.taker = actor
        return place

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        zone = self.thing  # who still leads to the frame is judged by it
        return (zone.faults,) if zone.free is None else (zone.faults, zone.free.place.rmap)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        zone = self.thing
        touched: tuple[Thing, ...] = (zone,) if zone.free is None else (zone, zone.free.place)
        return (*touched, zone.faults) if zone.resident and zone.faults.enomem else touched

    def describe(self) -> str:
        return f"alloc {'frame' if self.thing.resident else 'slot'} for {self.page.name}"


class TryAlloc(Alloc):
    """An allocation before it enters reclaim."""

    __slots__ = ()

    def apply(self, actor: Actor, outcome: int) -> Any:
        return super().apply(actor, outcome) if outcome != CALM or self.thing.free is not None else None


class Release(Op):
    """Free a frame or slot. Freeing what storage or a copy still needs is for checkers to name."""

    __slots__ = ("freed", "place", "thing")
    kind = "free"
    thing: Zone

    def __init__(self, zone: Zone, place: Place) -> None:
        self.thing = zone
        self.place = place
        self.freed: Page | None = None  # whose it was, for checkers

    def apply(self, actor: Actor, outcome: int) -> None:
        zone, place = self.thing, self.place
        self.freed = owner = place.owner
        if owner is None:
            zone.marks.add("double-free", actor, place)
            return
        place.owner = place.taker = None
        place.rmap.moving = None
        for rmap in given_up(place, owner):
            rmap.moving = None
        zone.free = Free(place, zone.free)
        lost = [word for word in owner.words if word.release(place, *place.lines)]
        if lost:
            owner.loses(actor, lost, f"{actor.name} frees {place.name}")
        owner.copying.end(place)
        if owner.copying.gone:
            owner.copying.gone = owner.copying.gone.difference((place, *place.lines))

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        owner = self.place.owner
        if owner is None:
            return ()
        reads = (owner, owner.buffer.life, self.place.rmap)
        if owner.where is None:
            return reads
        mapped = owner.buffer.attached.judging() if owner.where is self.place else ()
        return (*reads, owner.where.rmap, *mapped)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        owner = self.place.owner
        if owner is None:
            return (self.thing, self.place)
        # Freeing what is still storage is judged by everybody's pins.
        pins = (owner.buffer.pins,) if owner.where is self.place else ()
        moved = given_up(self.place, owner)
        return (self.thing, self.place, self.place.rmap, owner.copying, *owner.words, *pins, *moved)

    def describe(self) -> str:
        return f"free {self.place.name}"


def placed(place: Place) -> Place:
    """A frame or a slot. Raises TypeError, in the task that says otherwise, and not where the op is performed."""
    if not isinstance(place, Place):
        raise TypeError(f"{place!r} is neither a frame nor a slot; a page that is nowhere has none")
    return place


def paged(page: Page) -> Page:
    """A page of a buffer. Raises TypeError likewise."""
    if getattr(page, "KIND", "") != "page":
        raise TypeError(f"{page!r} is no page of a buffer")
    return page


def given_up(place: Place, owner: Page) -> tuple[Rmap, ...]:
    """The reverse map of the source of a move that ends, as its target ``place`` is freed instead of switched to."""
    where = owner.where
    return (where.rmap,) if where is not None and where.rmap.moving is place else ()
