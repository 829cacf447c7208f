"""Properties of the machine: what must hold in every state, and which objects it reads (DESIGN 6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.ops import Footprint


class Always(Thing):
    """A predicate over some objects of one machine. It is pure, and has no state of its own.

    ``things`` are what it reads. Some objects stand for others and have no state (the pins of a buffer): an op that
    changes what they stand for only *reads* them, so that such ops commute. They are ``shared``.
    """

    __slots__ = ("holds", "shared", "text", "things", "values")
    STATE = ()

    def __init__(
        self,
        text: str,
        holds: Callable[[], bool],
        things: Iterable[Thing],
        shared: Iterable[Thing] = (),
        values: Callable[[], str] = str,
    ) -> None:
        self.text = text
        super().__init__(text)
        self.holds = holds
        self.things = tuple(things)
        self.shared = tuple(shared)
        self.values = values  # what it reads, in words: "c is 2"

    @property
    def KIND(self) -> str:  # type: ignore[override]  # noqa: N802 - findings of two properties are told apart
        """The class of the object: each property is one of its own."""
        return f"property {self.text}"

    @staticmethod
    def state_of(_always: Any) -> None:
        """Nothing: it follows from what it reads."""

    def restore(self, state: object) -> None:
        """Nothing to put back."""


class Judged:
    """All properties of one machine, and what they add to footprints.

    Whoever writes an object of a property is judged by it, and so reads its other objects: that makes any two ops
    which write an object of one property conflict, as their order decides about the state between them.
    """

    def __init__(self, properties: Iterable[Always]) -> None:
        self.properties = tuple(properties)
        self._written: dict[Thing, list[Always]] = {}
        self._touched: dict[Thing, list[Always]] = {}
        for one in self.properties:
            for thing in one.things:
                self._written.setdefault(thing, []).append(one)
            for thing in one.shared:
                self._touched.setdefault(thing, []).append(one)

    def judges(self, reads: Iterable[Thing], writes: Iterable[Thing]) -> list[Always]:
        """The properties that a step with this footprint is judged by."""
        written, touched = self._written, self._touched
        found = [one for thing in writes if thing in written for one in written[thing]]
        if touched:
            found += [one for thing in (*writes, *reads) if thing in touched for one in touched[thing]]
        return list(dict.fromkeys(found)) if len(found) > 1 else found

    def widened(self, footprint: Footprint) -> Footprint:
        """The footprint, with what its judges read."""
        reads, writes = footprint
        judges = self.judges(reads, writes)
        if not judges:
            return footprint
        writes = writes.union(*(one.shared for one in judges))
        return footprint._replace(reads=reads.union(*(one.things for one in judges)) - writes, writes=writes)
