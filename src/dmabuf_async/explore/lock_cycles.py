"""The order of locks over all executions: edges that no execution shows together can still close a circle (P7).

What one execution shows by itself, an edge and its inverse, is a finding of that execution; here they are united.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from dmabuf_async.explore.verdict import Failure, ShownEdge
from dmabuf_async.machine.lock_order import RANKS
from dmabuf_async.trace.events import Finding, LockEdge, Signature

SITE = "over all executions"
"""Where the signature of such a finding says that it happens."""


@dataclass(slots=True)
class LockCycles:
    """The edges that were seen, each with the execution that showed it first."""

    edges: dict[tuple[str, str], ShownEdge] = field(default_factory=dict)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    together: set[tuple[str, str]] = field(default_factory=set)
    """Edges that one execution showed beside their inverses."""

    def note(self, edges: Sequence[LockEdge], execution: int, schedule: Callable[[], str]) -> None:
        """One execution showed these."""
        keys = {(edge.before, edge.after) for edge in edges}
        for edge in edges:
            if (edge.before, edge.after) not in self.edges:
                self.edges[edge.before, edge.after] = ShownEdge(edge, schedule(), execution)
        self.counts.update(keys)
        self.together |= {key for key in keys if key[::-1] in keys}

    def failures(self, expected: bool) -> Iterator[tuple[Failure, int]]:
        """The shortest circle through each edge, once, and how many executions showed the rarest of its edges."""
        usable = {key: shown for key, shown in self.edges.items() if not _departs(key)}
        after: dict[str, list[str]] = {}
        for before, then in sorted(usable):
            after.setdefault(before, []).append(then)
        told: set[frozenset[str]] = set()
        for start, then in sorted(usable):
            path = _shortest(after, then, start)
            if path is None or frozenset(path) in told:
                continue
            told.add(frozenset(path))
            keys = list(zip([start, *path], path, strict=False))
            if len(keys) == 2 and keys[0] in self.together:
                continue  # an execution has told it
            yield _failure([usable[key] for key in keys], expected), min(self.counts[key] for key in keys)


def _departs(key: tuple[str, str]) -> bool:
    """Whether an edge is itself against P7, and told where it was taken."""
    before, after = (RANKS.get(end) for end in key)
    return before is not None and after is not None and before > after


def _shortest(after: Mapping[str, list[str]], start: str, end: str) -> list[str] | None:
    """The classes on the shortest way from ``start`` to ``end``, both included."""
    ways = {start: [start]}
    queue = [start]
    for at in queue:
        if at == end:
            return ways[at]
        for then in after.get(at, ()):
            if then not in ways:
                ways[then] = [*ways[at], then]
                queue.append(then)
    return None


def _failure(shown: list[ShownEdge], expected: bool) -> Failure:
    edges = [one.edge for one in shown]
    steps = ", ".join(f"{edge.actor} takes {edge.taken} while it holds {edge.held}" for edge in edges)
    last = max(shown, key=lambda one: one.execution)
    signature = Signature(
        "lock-order", "P7", " and ".join(dict.fromkeys(edge.actor for edge in edges)), SITE, "lock order"
    )
    finding = Finding(
        "lock-order",
        "P7",
        f"over all executions the order of locks goes in a circle: {steps}",
        0,
        last.edge.actor,
        tuple(dict.fromkeys(edge.held for edge in edges)),
        signature,
    )
    return Failure(finding, last.schedule, last.execution, expected, edges=tuple(shown))
