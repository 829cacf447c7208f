"""Costs: which is the lower, and how they are told."""

from __future__ import annotations

import pytest

from dmabuf_async.explore.cost import Cost


def test_a_fault_weighs_more_than_any_number_of_preemptions_and_so_on() -> None:
    costs = [Cost(0, 9, 9, 9), Cost(1, 0, 9, 9), Cost(1, 1, 0, 9), Cost(1, 1, 1, 0), Cost(1, 1, 1, 1)]
    assert sorted((costs[3], costs[0], costs[4], costs[2], costs[1])) == costs


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (Cost(0, 1, 4, 6), "1 preemption, 6 steps"),
        (Cost(0, 0, 0, 1), "no preemption, 1 step"),
        (Cost(2, 3, 4, 1234), "2 faults, 3 preemptions, 1,234 steps"),
        (Cost(0, 0, 0, 0), "no preemption, no step"),
    ],
)
def test_faults_are_told_where_there_are_some(cost: Cost, words: str) -> None:
    assert str(cost) == words
