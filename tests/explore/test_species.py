"""The estimators hold what they promise, for distributions that are known."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from itertools import accumulate
from math import comb
from random import Random

import pytest

from dmabuf_async.explore.species import chao1, good_turing, missing_bound, new_bound, rate_bound

EVEN = [1 / 200] * 200
GEOMETRIC = [2.0**-k for k in range(1, 30)]
ZIPF = [1 / (k * sum(1 / j for j in range(1, 501))) for k in range(1, 501)]


def drawn(chances: list[float], n: int, seed: int) -> list[int]:
    """n draws from a distribution."""
    dice, ends = Random(seed), list(accumulate(chances))  # noqa: S311 - no secret is made here
    return [min(bisect(ends, dice.random()), len(chances) - 1) for _ in range(n)]


def counted(draws: list[int]) -> tuple[int, int, int]:
    """How many came at all, once, and twice."""
    counts = Counter(draws)
    return len(counts), sum(one == 1 for one in counts.values()), sum(one == 2 for one in counts.values())


@pytest.mark.parametrize("chances", [EVEN, GEOMETRIC, ZIPF], ids=["even", "geometric", "zipf"])
@pytest.mark.parametrize("n", [60, 400])
def test_the_bound_on_what_is_new_covers_the_true_chance(chances: list[float], n: int) -> None:
    covered = old = 0
    for seed in range(200):
        draws = drawn(chances, n, seed)
        half = n // 2
        fresh = sum(one not in set(draws[:half]) for one in draws[half:])
        once = counted(draws)[1]
        missing = sum(chance for one, chance in enumerate(chances) if one not in set(draws))
        covered += missing <= new_bound(n, once, n - half, fresh)
        old += missing <= missing_bound(n, once)
    assert covered >= 190
    assert old >= 190


@pytest.mark.parametrize("chances", [EVEN, GEOMETRIC, ZIPF], ids=["even", "geometric", "zipf"])
def test_good_turing_is_right_in_the_mean(chances: list[float]) -> None:
    n, seeds = 100, 400
    estimate = sum(good_turing(n, counted(drawn(chances, n, seed))[1]) for seed in range(seeds)) / seeds
    missing = sum(chance * (1 - chance) ** n for chance in chances)
    assert estimate == pytest.approx(missing, abs=0.01)


@pytest.mark.parametrize("chances", [EVEN, GEOMETRIC, ZIPF], ids=["even", "geometric", "zipf"])
@pytest.mark.parametrize("n", [30, 100, 1000])
def test_chao_is_below_the_number_of_classes_in_the_mean(chances: list[float], n: int) -> None:
    seeds = 200
    told = [chao1(n, *counted(drawn(chances, n, seed))) for seed in range(seeds)]
    mean = sum(one.classes for one in told) / seeds
    assert mean - 2 * sum(one.error for one in told) / seeds / seeds**0.5 <= len(chances)
    assert sum(one.classes - 2 * one.error <= len(chances) for one in told) >= 0.95 * seeds


def test_chao_of_classes_that_were_all_seen_often_is_their_number() -> None:
    assert chao1(1000, 7, 0, 0) == (7.0, 0.0)
    assert chao1(0, 0, 0, 0) == (0.0, 0.0)


def test_chao_agrees_with_the_published_form_where_many_are_seen_twice() -> None:
    n, seen, once, twice = 10_000, 900, 300, 200
    assert chao1(n, seen, once, twice).classes == pytest.approx(seen + once**2 / (2 * twice), rel=0.002)


def test_what_never_came_has_the_rule_of_three() -> None:
    for n in (10, 500, 20_000):
        assert rate_bound(0, n) == pytest.approx(1 - 0.05 ** (1 / n))
        assert rate_bound(0, n) < 3 / n
    assert rate_bound(0, 500) > 2.97 / 500


@pytest.mark.parametrize(("times", "n"), [(0, 20), (1, 20), (7, 20), (19, 20), (3, 200)])
def test_the_bound_on_a_rate_fails_in_one_of_twenty_at_most(times: int, n: int) -> None:
    bound = rate_bound(times, n)
    tail = sum(comb(n, k) * bound**k * (1 - bound) ** (n - k) for k in range(times + 1))
    assert tail <= 0.05 + 1e-9
    assert rate_bound(n, n) == 1.0


def test_the_half_that_is_held_out_makes_the_bound_much_better() -> None:
    assert missing_bound(1000, 0) > 0.25
    assert new_bound(1000, 0, 500, 0) == pytest.approx(1 - 0.025 ** (1 / 500))
    assert new_bound(10**6, 10**5, 10**4, 9 * 10**3) < 0.12  # and where new ones still come, the other one is


def test_nothing_is_known_of_no_execution() -> None:
    assert good_turing(0, 0) == missing_bound(0, 0) == new_bound(0, 0, 0, 0) == new_bound(1, 1, 0, 0) == 1.0
