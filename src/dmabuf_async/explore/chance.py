"""How likely a random walk is to meet something: exact, over the state graph.

A random walk answers each question uniformly: first who goes on, then, if the op may fail, what becomes of it. So the
graph is a Markov chain, and the probability to meet something is 1 where it is shown and otherwise the mean over what
may come next. States are solved in the order in which depth first leaves them, which is exact where
nothing goes round; where something does, it is repeated until nothing changes by more than rounding does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dmabuf_async.explore.graph import Edge

TOLERANCE: Final = 1e-13


def chance(edges: Sequence[Sequence[Edge]], shows: Collection[tuple[int, int]]) -> float:
    """The probability that a random walk from state 0 comes to one of the places ``shows``.

    A place is (state, number of its transition), or (state, -1): the state itself.
    """
    order, cyclic = _left(edges)
    met = [0.0] * len(edges)
    for state, number in shows:
        if number < 0:
            met[state] = 1.0
    steps = []
    for state in order:
        if met[state] or not edges[state]:
            continue
        weights = _weights(edges[state])
        certain = sum(weight for number, weight in enumerate(weights) if (state, number) in shows)
        rest = [
            (target, weights[number])
            for number, (_, target) in enumerate(edges[state])
            if (state, number) not in shows
        ]  # fmt: skip
        steps.append((state, certain, rest))
    while True:
        change = 0.0
        for state, certain, rest in steps:
            new = certain + sum(weight * met[target] for target, weight in rest)
            change = max(change, abs(new - met[state]))
            met[state] = new
        if not cyclic or change < TOLERANCE:
            return met[0]


def _weights(edges: Sequence[Edge]) -> list[float]:
    """How likely each transition of a state is."""
    outcomes = Counter([path for (path, _), _ in edges])
    return [1 / len(outcomes) / outcomes[path] for (path, _), _ in edges]


def _left(edges: Sequence[Sequence[Edge]]) -> tuple[list[int], bool]:
    """All states in the order in which depth first leaves them, and whether some lead back to one not yet left."""
    order: list[int] = []
    entered, left = bytearray(len(edges)), bytearray(len(edges))
    cyclic = False
    entered[0] = 1
    work = [(0, iter(edges[0]))]
    while work:
        state, more = work[-1]
        for _, target in more:
            if not entered[target]:
                entered[target] = 1
                work.append((target, iter(edges[target])))
                break
            cyclic = cyclic or not left[target]
        else:
            work.pop()
            left[state] = 1
            order.append(state)
    return order, cyclic
