"""Counts are exact while there is room, and unbiased when there is not."""

from __future__ import annotations

import sys
from random import Random

import pytest

from dmabuf_async.explore.tally import Counts, Tally

BITS = 61


def hashes(count: int, seed: int) -> list[int]:
    """Different ones, as hashes are."""
    dice = Random(seed)  # noqa: S311 - no secret is made here
    return dice.sample(range(-(1 << BITS), 1 << BITS), count)


def noted(draws: list[int], room: int = 1 << 16) -> Counts:
    tally = Tally(room)
    for one in draws:
        tally.note(one)
    return tally.counts()


def test_classes_are_counted_by_how_often_they_came() -> None:
    assert noted([]) == Counts(0, 0, 0, 0, 0, 0, 0)
    assert noted([5, 6, 5, 7, 7, 8, 8, 9]) == Counts(
        n=8, seen=5, once=2, twice=3, recent=5, later=4, fresh=3
    )  # of the second half, 7, 8, 8, 9: only 8 and 9 had not come in the first


def test_only_the_latest_thousand_are_recent() -> None:
    one, *others = hashes(1201, 1)
    assert noted([one] * 500 + others).recent == 1000
    assert noted(others + [one] * 900).recent == 101


@pytest.mark.parametrize("room", [64, 256])
def test_what_is_counted_of_some_stands_for_all(room: int) -> None:
    n, classes, seeds = 3_000, 1_500, 60
    sums = [0.0] * 7
    exact = [0.0] * 7
    for seed in range(seeds):
        names = hashes(classes, seed)
        dice = Random(seed)  # noqa: S311 - no secret is made here
        draws = [names[int(classes * dice.random() ** 2)] for _ in range(n)]
        for at, value in enumerate(noted(draws, room)):
            sums[at] += value
        for at, value in enumerate(noted(draws)):
            exact[at] += value
    for told, true in zip(sums, exact, strict=True):
        assert told == pytest.approx(true, rel=0.1)


def test_there_is_room_for_so_many_and_then_it_is_no_longer_exact() -> None:
    tally = Tally(100)
    for number, one in enumerate(hashes(5_000, 3), 1):
        tally.note(one)
        assert len(tally._kept) <= 100
        assert tally.exact is (number <= 100)
    assert tally.counts().seen == pytest.approx(5_000, rel=0.4)


def test_memory_does_not_grow_with_the_number_of_executions() -> None:
    tally = Tally(50)
    names = hashes(40, 2)
    for one in names * 10:
        tally.note(one)
    before = sys.getsizeof(tally._kept)
    for one in names * 100:
        tally.note(one)
    assert sys.getsizeof(tally._kept) == before
    assert tally.counts().n == 40 * 110
