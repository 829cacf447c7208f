"""The words claim no more than the numbers do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dmabuf_async.cli.worth import share, worth
from dmabuf_async.explore.verdict import Sample

SAMPLE = Sample("random", 500, 111, 40, True, 1_900, True, 360.0, 0.12, 0.213, 44.5, 6.25, 0.00598)


def told(sample: Sample, *, found: bool = False) -> str:
    return "\n".join(f"{name}: {words}" for name, words in worth(sample, found=found))


def test_what_was_seen_and_what_is_left_are_a_line_each() -> None:
    assert told(SAMPLE) == (
        "seen: 40 happens-before classes and 1,900 states in 111 of 500 random executions\n"
        "left: about 12% of random executions, at most 22%, are still of a new class; about 44 classes exist, or more; "
        "a finding comes in at most 0.60% of them (95% sure)"
    )


def test_where_nothing_new_came_only_the_bound_is_told() -> None:
    words = told(replace(SAMPLE, new=0.0, exist=40.0, exist_error=0.0), found=True)
    assert words.endswith(
        "left: at most 22% of random executions are still of a new class; another finding comes in at most 0.60% of "
        "them (95% sure)"
    )


def test_where_everything_is_new_it_is_said_once() -> None:
    words = told(replace(SAMPLE, new=0.999, new_bound=1.0, exist=1_921.7))
    assert "left: about 100% of random executions are still of a new class; about 1,922 classes exist, or more" in words


def test_what_does_not_draw_independently_has_nothing_left_to_tell() -> None:
    sample = Sample("pct", 1, 1, 1, True, 1, False, 1_000.0)
    assert told(sample) == "seen: 1 happens-before class and more than 1 state in 1 pct execution"


def test_how_many_were_new_is_told_once_more_than_a_thousand_were_looked_at() -> None:
    sample = replace(SAMPLE, drawn=3_000, looked=1_001, every_class=False, new_per_thousand=12.0, failure_bound=None)
    first, last = told(sample).splitlines()
    assert first.startswith("seen: about 40 happens-before classes")
    assert first.endswith("in 1,001 of 3,000 random executions; 12 of the latest 1,000 of these were new")
    assert "finding" not in last


@pytest.mark.parametrize(
    ("chance", "words", "above"),
    [
        (0.5, "50%", "50%"),
        (0.996, "100%", "100%"),
        (1.0, "100%", "100%"),
        (0.1234, "12%", "13%"),
        (0.0512, "5.1%", "5.2%"),
        (0.00598, "0.60%", "0.60%"),
        (0.005911, "0.59%", "0.60%"),
        (0.0009, "1 in 1,111", "1 in 1,111"),
        (0.0006, "1 in 1,667", "1 in 1,666"),
        (0.0, "0%", "0%"),
    ],
)
def test_a_share_has_two_digits_and_a_bound_is_never_rounded_down(chance: float, words: str, above: str) -> None:
    assert share(chance) == words
    assert share(chance, up=True) == above
