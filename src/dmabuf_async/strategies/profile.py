"""What an execution did, counted: who made how many steps, and how many on which object.

Actors and objects are known by what they are called in every execution: the path of spawns, and the key of the name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor

Path: TypeAlias = tuple[int, ...]
Counts: TypeAlias = dict[Path, int]


class Accesses(NamedTuple):
    """How often one object was accessed."""

    key: int
    total: int
    by: Counts


class Profile:
    """Counts of several executions: the most that each actor did in one of them."""

    def __init__(self) -> None:
        self.steps: Counts = {}
        self.shared: list[Accesses] = []
        """The objects whose accesses have an order that matters: several actors have them, and one of these writes."""
        self._objects: dict[int, Counts] = {}
        self._written: set[int] = set()
        self._now: Counts = {}
        self._objects_now: dict[int, Counts] = {}

    def step(self, actor: Actor) -> None:
        """``actor`` is about to make a step."""
        op = actor.op
        if op is None or actor.cpu is None:
            return  # the environment is no actor of the program
        path = actor.path
        self._now[path] = self._now.get(path, 0) + 1
        writes = op.writes(actor)
        self._written.update([thing.key for thing in writes])
        for key in dict.fromkeys([thing.key for thing in (*op.reads(actor), *writes)]):
            counts = self._objects_now.setdefault(key, {})
            counts[path] = counts.get(path, 0) + 1

    def end(self) -> None:
        """The execution is over."""
        _raise(self.steps, self._now)
        for key, counts in self._objects_now.items():
            _raise(self._objects.setdefault(key, {}), counts)
        self._now = {}
        self._objects_now = {}
        self.shared = [
            Accesses(key, sum(counts.values()), counts)
            for key, counts in self._objects.items()
            if len(counts) > 1 and key in self._written
        ]

    def subtrees(self) -> Counts:
        """The steps of each actor and of all its descendants."""
        found: Counts = {}
        for path, steps in self.steps.items():
            for length in range(1, len(path) + 1):
                found[path[:length]] = found.get(path[:length], 0) + steps
        return found


def _raise(counts: Counts, more: Counts) -> None:
    for path, count in more.items():
        counts[path] = max(count, counts.get(path, 0))
