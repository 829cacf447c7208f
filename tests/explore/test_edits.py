"""Edits of plans, each by itself."""

from __future__ import annotations

from dmabuf_async.explore.edits import (
    WITHOUT_END,
    droppable,
    let_go_on,
    pulled_forward,
    put_off,
    shortened,
    without_faults,
    without_segments,
)
from dmabuf_async.explore.segments import Path, Plan, Segment

A, B, CACHE = (0,), (1,), (1 << 30, 0)


def plan(text: str, *faults: tuple[tuple[Path, int], int]) -> Plan:
    """``A3 B1 c``: a whim of the cache is a ``c``."""
    segments = [
        Segment(CACHE, 1, True) if word == "c" else Segment({"A": A, "B": B}[word[0]], int(word[1:]), False)
        for word in text.split()
    ]
    return Plan(tuple(segments), faults)


def told(edited: Plan) -> str:
    return " ".join("c" if one.whim else f"{'AB'[one.path[0]]}{one.steps}" for one in edited.segments)


FIRST, SECOND = ((A, 0), 1), ((B, 2), 1)


def test_faults_are_dropped_by_number_outcomes_before_whims() -> None:
    whole = plan("A3 c B1 c", FIRST, SECOND)
    assert len(droppable(whole)) == 4
    assert without_faults(whole, 0, 4) == plan("A3 B1")
    assert without_faults(whole, 1, 3) == plan("A3 B1 c", FIRST)
    assert without_faults(whole, 3, 4) == plan("A3 c B1", FIRST, SECOND)


def test_segments_are_taken_out_and_faults_stay() -> None:
    assert without_segments(plan("A3 B1 A2", FIRST), 1, 2) == plan("A3 A2", FIRST)


def test_a_segment_is_let_go_on_until_it_has_to_wait_but_not_a_whim() -> None:
    assert list(map(told, let_go_on(plan("A3 B1 A2"), 1))) == [f"A3 B{WITHOUT_END} A2"]
    assert not list(let_go_on(plan("c B1"), 0))


def test_the_next_segment_of_the_same_actor_is_pulled_forward() -> None:
    assert list(map(told, pulled_forward(plan("A3 B1 A2 A4"), 0))) == ["A5 B1 A4"]
    assert not list(pulled_forward(plan("A3 B1 A2"), 1))
    assert list(map(told, pulled_forward(plan("c B1 c"), 1))) == []


def test_a_segment_is_put_off_to_the_next_one_of_the_same_actor() -> None:
    assert list(map(told, put_off(plan("A3 B1 A2 A4"), 0))) == ["B1 A5 A4"]
    assert not list(put_off(plan("A3 B1 A2"), 2))


def test_a_segment_is_made_half_as_long_or_a_step_shorter_but_never_nothing() -> None:
    assert list(map(told, shortened(plan("A6 B1"), 0))) == ["A3 B1", "A5 B1"]
    assert list(map(told, shortened(plan("A2 B1"), 0))) == ["A1 B1"]
    assert not list(shortened(plan("A2 B1"), 1))
