"""Schedules as segments."""

from __future__ import annotations

from dmabuf_async.explore.segments import Made, Segment, planned

A, B, CACHE = (0,), (1,), (1 << 30, 0)


def made(path: tuple[int, ...], outcome: int = 0, *, fallible: bool = False, fault: bool = False) -> Made:
    return Made(path, outcome, fallible, fault)


def test_steps_of_one_actor_in_a_row_are_a_segment() -> None:
    plan = planned([made(A), made(A), made(B), made(A)])
    assert plan.segments == (Segment(A, 2, False), Segment(B, 1, False), Segment(A, 1, False))
    assert plan.faults == ()


def test_a_fault_is_known_by_which_of_the_ops_that_can_fail_it_befalls() -> None:
    plan = planned(
        [made(A), made(A, fallible=True), made(B, fallible=True), made(A), made(A, 2, fallible=True, fault=True)]
    )
    assert plan.faults == (((A, 1), 2),)
    assert plan.outcomes == {(A, 1): 2}


def test_what_the_environment_does_of_its_own_accord_is_a_whim_and_time_that_goes_on_is_none() -> None:
    clock = (1 << 30, 1)
    plan = planned([made(A), made(CACHE, fault=True), made(clock)])
    assert [segment.whim for segment in plan.segments] == [False, True, False]


def test_plans_that_say_the_same_are_equal() -> None:
    steps = [made(A), made(A, 1, fallible=True, fault=True)]
    assert len({planned(steps), planned(list(steps))}) == 1
