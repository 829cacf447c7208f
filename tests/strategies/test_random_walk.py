from __future__ import annotations

from collections import Counter
from math import factorial
from typing import Any

import pytest

from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import execute, loads

pytestmark = pytest.mark.unaudited  # thousands of executions


def test_a_random_walk_is_the_same_for_the_same_seed_and_goes_on_across_executions() -> None:
    def walk(seed: int) -> list[Any]:
        strategy = RandomWalk(seed)
        return [execute(loads(3, 3), strategy).observed for _ in range(8)]

    assert walk(1) == walk(1)
    assert walk(1) != walk(2)
    assert len(set(walk(1))) > 1


def test_a_random_walk_is_uniform_over_what_is_enabled_not_over_interleavings() -> None:
    strategy = RandomWalk(0)
    counts = Counter(execute(loads(1, 2), strategy).observed for _ in range(2000))
    # First who: 1/2. If it was b, who again: 1/2. But there are three interleavings.
    for order, share in (("abb", 1 / 2), ("bab", 1 / 4), ("bba", 1 / 4)):
        assert abs(counts[order] / 2000 - share) < 0.04


def test_three_tasks_of_one_step_come_in_every_order_about_equally_often() -> None:
    strategy = RandomWalk(3)
    counts = Counter(execute(loads(1, 1, 1), strategy).observed for _ in range(1200))
    assert len(counts) == factorial(3)
    assert all(abs(count / 1200 - 1 / 6) < 0.04 for count in counts.values())


def test_what_the_core_draws_by_itself_is_what_the_strategy_would_have_answered() -> None:
    class Asked(RandomWalk):
        """Not a RandomWalk itself, so the core asks it."""

    drawn, asked = RandomWalk(5), Asked(5)
    for _ in range(50):
        assert execute(loads(3, 2, 4), drawn).choices == execute(loads(3, 2, 4), asked).choices
