"""Going to states: by whatever way, one stands where the state says."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from random import Random

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.advancing import Untabled
from dmabuf_async.explore.following import Label
from dmabuf_async.explore.travelling import Traveller
from dmabuf_async.scenario.program import Program
from tests.generated import program

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none


SMALL = 150
"""States; of larger programs only so many are looked at."""


def labels_of(traveller: Traveller) -> list[Label]:
    """The transitions of where it stands."""
    return [(actor.path, outcome) for actor, outcome in traveller.stepper.moves()]


def explored(made: Program, *, live: bool, seed: int) -> dict[tuple[int, Label], int]:
    """All transitions, in a random order: each state is gone to from any other."""
    dice = Random(seed)  # noqa: S311 - not for secrets
    traveller = Traveller(made, CHECKERS, live=live)
    with closing(traveller):
        labels = {0: labels_of(traveller)}
        left = [(0, label) for label in labels[0]]
        found: dict[tuple[int, Label], int] = {}
        while left and len(traveller) < SMALL:
            state, label = left.pop(dice.randrange(len(left)))
            arrived = traveller.take(state, label)
            found[state, label] = arrived.state
            if arrived.new:
                assert arrived.state == len(traveller) - 1
                labels[arrived.state] = labels_of(traveller)
                left += [(arrived.state, label) for label in labels[arrived.state]]
        for (state, label), target in found.items():  # and once more, now that all is known
            arrived = traveller.take(state, label)
            assert (arrived.state, arrived.new) == (target, False)
    return found


def renumbered(found: dict[tuple[int, Label], int]) -> dict[tuple[int, Label], int]:
    """The same graph with its states numbered by breadth."""
    numbers, queue = {0: 0}, [0]
    outgoing: dict[int, list[tuple[Label, int]]] = {}
    for (state, label), target in found.items():
        outgoing.setdefault(state, []).append((label, target))
    for state in queue:
        for _, target in sorted(outgoing.get(state, [])):
            if target not in numbers:
                numbers[target] = len(numbers)
                queue.append(target)
    return {(numbers[state], label): numbers[target] for (state, label), target in found.items()}


def test_the_graph_is_the_same_in_whatever_order_it_is_travelled() -> None:
    seen = 0
    for seed in range(40):
        made = replace(program(seed, size=30), reusable=seed % 4 < 2)
        live = seed % 2 == 0
        try:
            first, second = (explored(made, live=live, seed=order) for order in (1, 2))
        except Untabled:
            assert not live
            continue
        if len({state for state, _ in first}) < SMALL // 2:
            assert renumbered(first) == renumbered(second), seed
            seen += len(first)
    assert seen > 500
