"""The order in which locks are taken: classes, the canonical order of P7, and the edges of one execution.

An edge leads from the class of a lock that is held to the class of one that is then waited for; a
try-lock waits for nothing and adds none. Locks of one class are told apart by name. What is remembered is kept
for two classes at a time (:class:`Pair`), so that steps which take locks of other classes don't conflict.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.locks import AnyLock

CANONICAL: Final = (
    "mmap_lock", "ww_acquire", "dma_resv", "reclaim", "i_mmap_rwsem", "mmu_notifier", "fence",
)  # fmt: skip
"""The classes of P7, first to last; in rfc-2012 the lock of a buffer is of the class ``dma_resv``."""

RANKS: Final = {name: rank for rank, name in enumerate(CANONICAL)}


class Edge(NamedTuple):
    """Somebody waited for ``taken`` while it held ``held``."""

    before: str
    """The class of what was held, or its name if both are of one class."""
    after: str
    actor: Actor
    held: AnyLock
    taken: AnyLock


class Pair(Thing):
    """Two classes, and the edges between them that were taken in this execution, at most one each way."""

    __slots__ = ("edges",)
    STATE = ()
    MEMORY = ("past", "edges")
    KIND = "lock order"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.edges: tuple[Edge, ...] = ()

    @staticmethod
    def state_of(pair: Any) -> None:
        """Nothing: what it remembers is for checkers."""

    def restore(self, state: object) -> None:
        """Nothing to put back."""


NONE: Final[frozenset[tuple[str, str]]] = frozenset()


class LockOrder:
    """The edges that were taken in one execution."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], Pair] = {}
        self._taken: tuple[list[tuple[Edge, ...]], frozenset[tuple[str, str]]] = ([], NONE)

    def edges(self) -> Iterator[Edge]:
        """All of them."""
        for pair in self._pairs.values():
            yield from pair.edges

    def taken(self) -> frozenset[tuple[str, str]]:
        """The ends of all of them."""
        if not self._pairs:
            return NONE
        now = [pair.edges for pair in self._pairs.values()]
        before, taken = self._taken
        if now != before:
            taken = frozenset([(edge.before, edge.after) for edges in now for edge in edges])
            self._taken = (now, taken)
        return taken

    def clear(self) -> None:
        """An execution begins."""
        for pair in self._pairs.values():
            pair.edges = ()

    def pair(self, held: AnyLock, taken: AnyLock) -> Pair | None:
        """What remembers the edges between these two; None if it is the same lock."""
        before, after = names(held, taken)
        if before == after:
            return None
        key = (before, after) if before < after else (after, before)
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = Pair(" and ".join(key))
        return pair

    def note(self, actor: Actor, taken: AnyLock) -> None:
        """``actor`` has waited for ``taken`` and will have it now. The inverse of a known edge is marked."""
        for held in actor.locks:
            pair = self.pair(held, taken)
            if pair is None:
                continue
            before, after = names(held, taken)
            if not any(edge.before == before for edge in pair.edges):
                pair.edges = (*pair.edges, Edge(before, after, actor, held, taken))
            inverse = next((edge for edge in pair.edges if edge.before == after), None)
            if inverse is None or (before in RANKS and after in RANKS):
                continue  # where P7 says which comes first, only who departs from it is told
            who = "it" if inverse.actor is actor else inverse.actor.name
            detail = (
                f"takes {taken.name} while it holds {held.name}, and {who} took {inverse.taken.name} while it held "
                f"{inverse.held.name}"
            )
            taken.marks.add("lock-order", actor, taken, detail)

    def unknown(self, actor: Actor, taken: AnyLock) -> tuple[Pair, ...]:
        """What :meth:`note` writes."""
        pairs = ((held, self.pair(held, taken)) for held in actor.locks)
        return tuple(pair for held, pair in pairs if pair is not None and not _has(pair, held, taken))

    def known(self, actor: Actor, taken: AnyLock) -> tuple[Pair, ...]:
        """What it, and who judges by it, only reads."""
        pairs = ((held, self.pair(held, taken)) for held in actor.locks)
        return tuple(pair for held, pair in pairs if pair is not None and _has(pair, held, taken))


def names(held: AnyLock, taken: AnyLock) -> tuple[str, str]:
    """What the ends of an edge are called."""
    if held.lock_class == taken.lock_class:
        return held.name, taken.name
    return held.lock_class, taken.lock_class


def _has(pair: Pair, held: AnyLock, taken: AnyLock) -> bool:
    before, _ = names(held, taken)
    return any(edge.before == before for edge in pair.edges)
