"""Progress over the state graph: cycles that a fair run can go round for ever (DESIGN 6, Progress).

A run is fair if whoever is enabled infinitely often moves infinitely often (strong fairness), the clock too. Faults owe
nothing: the environment need not kill, fail or evict. So a set of states in which a fair run can stay is a strongly
connected part of the graph in which everybody who is enabled somewhere also moves; if somebody does not, such a run
cannot visit the states where it is enabled for ever, and what is left without them is looked at again
(Emerson and Lei, "Modalities for model checking", 1987).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.engine.parking import ENVIRONMENT
from dmabuf_async.ops import CALM

if TYPE_CHECKING:
    from dmabuf_async.explore.following import Label
    from dmabuf_async.explore.graph import Edge

CLOCK = (ENVIRONMENT * 2,)


def owes(label: Label) -> bool:
    """Whether fairness asks for this transition: it is no fault."""
    path, outcome = label
    return outcome == CALM and (path[0] < ENVIRONMENT or path == CLOCK)


def fair_parts(edges: Sequence[Sequence[Edge]], states: Collection[int]) -> Iterator[set[int]]:
    """The maximal sets among ``states`` in which a fair run can stay for ever."""
    queue = [set(states)]
    while queue:
        inside = queue.pop()
        for part in components(edges, inside):
            moves = {label[0] for state in part for label, target in edges[state] if target in part and owes(label)}
            if not moves:
                continue
            starved = {
                state for state in part for label, _ in edges[state] if owes(label) and label[0] not in moves
            }  # fmt: skip
            if starved:
                queue.append(part - starved)
            else:
                yield part


def components(edges: Sequence[Sequence[Edge]], inside: Collection[int]) -> Iterator[set[int]]:
    """The strongly connected parts of these states that have a cycle (Tarjan 1972, without recursion)."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in inside:
        if root in number:
            continue
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(edges[root]))]
        while work:
            state, left = work[-1]
            for _, target in left:
                if target not in inside:
                    continue
                if target not in number:
                    number[target] = low[target] = len(number)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    low[state] = min(low[state], number[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == number[state]:
                    part: set[int] = set()
                    while not part or state not in part:
                        part.add(stack.pop())
                    on_stack -= part
                    if len(part) > 1 or any(target == state for _, target in edges[state]):
                        yield part


def way(
    edges: Sequence[Sequence[Edge]], start: int, reached: Callable[[int], bool], inside: Collection[int] | None = None
) -> list[Edge] | None:
    """The shortest way, of at least one transition, from ``start`` to a state that is ``reached``; None: no way."""
    came: dict[int, tuple[int, Edge]] = {}
    queue = [start]
    for state in queue:
        for edge in edges[state]:
            target = edge[1]
            if target in came or (inside is not None and target not in inside):
                continue
            came[target] = (state, edge)
            if reached(target):
                steps = [edge]
                at = state
                while at != start:
                    at, before = came[at]
                    steps.append(before)
                return steps[::-1]
            queue.append(target)
    return None


def round_trip(edges: Sequence[Sequence[Edge]], part: set[int], start: int) -> list[Edge]:
    """A way from ``start`` back to it inside a fair part, on which everybody moves who is enabled on it."""
    trip: list[Edge] = []
    at = start
    wanted = {label[0] for state in part for label, target in edges[state] if target in part and owes(label)}
    while wanted:
        moved = {label[0] for label, _ in trip}
        wanted -= moved
        for path in sorted(wanted):
            step = next(((label, to) for label, to in edges[at] if label[0] == path and to in part), None)
            if step is None:
                leads = {
                    state for state in part for label, to in edges[state] if label[0] == path and to in part
                }  # fmt: skip
                steps = way(edges, at, leads.__contains__, part)
                assert steps is not None
                trip += steps
                at = trip[-1][1]
                step = next((label, to) for label, to in edges[at] if label[0] == path and to in part)
            trip.append(step)
            at = step[1]
            break
    if at != start:
        back = way(edges, at, start.__eq__, part)
        assert back is not None
        trip += back
    return trip
