"""Words and their versions: which copy holds which write, and what is known of it (PROTOCOL 4, stale-read).

A *location* is where a copy of a word lies: a page frame, a swap slot, or a cache line over a frame. What lies in a
location that nobody has written is the initial content, which is before everything; so is whatever the owner before
left there.

Two orders are kept apart. ``newest`` is an order in time: it is what a load returns, and it belongs to the state.
``held`` is by synchronisation order and is memory of checkers: versions are named by the event of their write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cache import Line
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.order import Events
    from dmabuf_async.machine.storage import Copying

    Location: TypeAlias = Place | Line

INITIAL: Final = 0
"""The version that is before everything; all others are the bit of their write's event."""


class Held(NamedTuple):
    """What checkers remember of one word. Never changed, only replaced."""

    at: Mapping[Location, int]
    """The version that lies in each location; where there is none, it is ``INITIAL``."""
    later: Mapping[int, int]
    """Of each version, ``INITIAL`` too: the first writes that come after it, each unordered with the others.

    Whoever has one of them in its past, and reads the version, reads what is stale."""
    pasts: Mapping[int, int]
    """Of each version: what came before its write."""
    torn: frozenset[Place]
    """Targets of copies under way to which an older version was copied than their source holds."""

    def before(self, one: int, other: int) -> bool:
        """Whether version ``one`` comes before ``other`` in synchronisation order."""
        return one != other and (one == INITIAL or bool(other and self.pasts[other] & one))


NOTHING: Final = Held({}, {INITIAL: 0}, {}, frozenset())


class Word(Thing):
    """One word of a page: the locations whose copy of it is the newest in time."""

    __slots__ = ("copying", "events", "held", "index", "newest")
    STATE = ("newest",)
    MEMORY = ("past", "held")
    KIND = "word"

    def __init__(self, copying: Copying, index: int, events: Events) -> None:
        super().__init__(f"{copying.page}.{index}")
        self.copying = copying
        self.index = index
        self.events = events
        self.newest: frozenset[Location] = frozenset()
        self.held = NOTHING

    def write(self, actor: Actor, location: Location) -> bool:
        """A new write; whether it is lost at once, as it goes to where nobody will ever look."""
        self.newest = frozenset((location,))
        past = actor.past
        bit = self.events.happen(actor)
        at, later, pasts, torn = self.held
        # Of what is no longer anywhere nobody will read; the initial content may turn up in any frame.
        first = later[INITIAL] if later[INITIAL] & past else later[INITIAL] | bit
        if not at or (len(at) == 1 and location in at):
            self.held = Held({location: bit}, {INITIAL: first, bit: 0}, {bit: past}, torn)
        else:
            others = {place: version for place, version in at.items() if place is not location}
            follows = {INITIAL: first, bit: 0}
            known = {bit: past}
            for version in others.values():
                known[version], follows[version] = pasts[version], later[version]
                if version & past and not later[version] & past:
                    follows[version] |= bit
            others[location] = bit
            self.held = Held(others, follows, known, torn)
        return location in self.copying.gone and self._loses(bit)

    def stale(self, actor: Actor, location: Location) -> bool:
        """Whether ``actor``, which reads it there, knows a write that comes after what it gets."""
        held = self.held
        return bool(held.later[held.at.get(location, INITIAL)] & actor.past)

    def copy(self, source: Location, target: Location) -> bool:
        """What lies at ``source`` now lies at ``target`` too; whether a write is lost by that."""
        if source in self.newest:
            self.newest |= {target}
        elif target in self.newest:
            self.newest -= {target}
        at = self.held.at
        if not at:
            return False
        version, old = at.get(source, INITIAL), at.get(target, INITIAL)
        if version == old:
            return False
        left = {**at, target: version}
        if version == INITIAL:
            del left[target]
        self.held = self.held._replace(at=left)
        # What lay where it doesn't count was lost before, when it came to lie there.
        lost = target not in self.copying.gone and self._loses(old)
        self._forget(old)
        return lost

    def drop(self, *locations: Location) -> bool:
        """Nothing lies there any more; whether a write is lost by that."""
        if not self.newest.isdisjoint(locations):
            self.newest = self.newest.difference(locations)
        at = self.held.at
        if not at:
            return False
        dropped = [(location, at[location]) for location in locations if location in at]
        if not dropped:
            return False
        left = {location: version for location, version in at.items() if location not in locations}
        self.held = self.held._replace(at=left)
        gone = self.copying.gone
        lost = [self._loses(version) for location, version in dropped if location not in gone]
        for _, version in dropped:
            self._forget(version)
        return any(lost)

    def release(self, *locations: Location) -> bool:
        """They are free, and may be taken for anything; whether a write is lost by that."""
        lost = self.drop(*locations)
        if self.held.torn:
            self.held = self.held._replace(torn=self.held.torn.difference(locations))
        return lost

    def surviving(self) -> set[int]:
        """The versions that lie where they count."""
        gone = self.copying.gone
        return {version for location, version in self.held.at.items() if location not in gone}

    def loses_any(self, versions: Iterable[int]) -> bool:
        """Whether one of these, which have counted until now, is lost."""
        left = self.surviving()
        return any(version not in left and self._loses(version) for version in versions)

    def tear(self, target: Place, *, torn: bool) -> None:
        """Its source was written after it had been copied to ``target``, or it has been copied anew."""
        if torn != (target in self.held.torn):
            self.held = self.held._replace(torn=self.held.torn ^ {target})

    def _loses(self, version: int) -> bool:
        """Whether a write has no copy left, and all that is left comes before it."""
        held = self.held
        return version != INITIAL and all(held.before(other, version) for other in self.surviving())

    def _forget(self, version: int) -> None:
        """If ``version`` lies nowhere any more, nothing has to be known of it."""
        held = self.held
        if version in held.pasts and version not in held.at.values():
            later, pasts = dict(held.later), dict(held.pasts)
            del later[version], pasts[version]
            self.held = held._replace(later=later, pasts=pasts)
