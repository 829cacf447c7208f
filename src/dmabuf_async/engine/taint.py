"""Taint: what lies in the causal future of a finding, and so is a consequence of it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Footprint
    from dmabuf_async.thing import Thing


class Taint:
    """What lies in the causal future of a finding, by conflict order (DESIGN 2, Checker).

    Kept forward from the first finding on, so that it costs nothing before. What
    is found at one step is found together: a finding counts from the next step on.
    """

    __slots__ = ("_actors", "_fresh", "_own", "_reads", "_told_reads", "_told_writes", "_writes")

    def __init__(self) -> None:
        self._actors: frozenset[Actor] = frozenset()
        self._own: dict[Actor, int] = {}  # the step of an actor which a finding was stated at before any that follows
        self._reads: frozenset[Thing] = frozenset()
        self._writes: frozenset[Thing] = frozenset()
        self._told_reads: frozenset[Hashable] = frozenset()  # the same, by what identifies them
        self._told_writes: frozenset[Hashable] = frozenset()
        self._fresh: list[tuple[Actor, Footprint]] = []

    def has(self, *actors: Actor) -> bool:
        """Whether the latest step of one of them is a consequence of an earlier finding."""
        return not self._actors.isdisjoint(actors)

    def had(self, *actors: Actor) -> bool:
        """Whether the latest step of one of them is a consequence, though it was made a while ago.

        It is not, if something was found at that very step: what is found at one step is found together.
        """
        return any(actor in self._actors and self._own.get(actor) != actor.last for actor in actors)

    def add(self, actor: Actor, footprint: Footprint) -> None:
        """A finding was stated at the present step of ``actor``, or after it."""
        self._fresh.append((actor, footprint))
        if actor not in self._actors:
            self._own.setdefault(actor, actor.last)

    def settle(self) -> None:
        """The step is over: what follows, the judgement at the end too, comes after what was found at it."""
        for tainted, footprint in self._fresh:
            self._take(tainted, footprint)
        self._fresh.clear()

    def _take(self, actor: Actor, footprint: Footprint) -> None:
        """A step is a consequence. Sets are not changed but replaced, as copies share them and know their hashes."""
        if actor not in self._actors:
            self._actors |= {actor}
        reads, writes = footprint
        if not reads <= self._reads:
            self._told_reads |= {_told(thing) for thing in reads - self._reads}
            self._reads |= reads
        if not writes <= self._writes:
            self._told_writes |= {_told(thing) for thing in writes - self._writes}
            self._writes |= writes

    def state(self) -> Hashable:
        """All of it once the step is over, by what identifies an object in other executions too."""
        self.settle()
        actors = frozenset([(actor.path, self._own.get(actor) == actor.last) for actor in self._actors])
        return actors, self._told_reads, self._told_writes

    def copy(self) -> Taint:
        """Another one that says the same."""
        other = Taint()
        other._actors, other._reads, other._writes = self._actors, self._reads, self._writes
        other._told_reads, other._told_writes = self._told_reads, self._told_writes
        other._own, other._fresh = dict(self._own), list(self._fresh)
        return other

    def spread(self, actor: Actor, footprint: Footprint) -> None:
        """The next step."""
        self.settle()
        reads, writes = footprint
        if (
            actor in self._actors
            or not self._writes.isdisjoint(writes)
            or not self._writes.isdisjoint(reads)
            or not self._reads.isdisjoint(writes)
        ):
            self._take(actor, footprint)


def _told(thing: Thing) -> Hashable:
    """A name does, except that of a mapping, which is used again; and mappings outlive executions."""
    return thing if thing.KIND == "kmap" else thing.key
