"""Fair cycles of small graphs that are written out."""

from __future__ import annotations

from dmabuf_async.explore.following import Label
from dmabuf_async.explore.liveness import CLOCK, components, fair_parts, owes, round_trip, way

A: Label = ((0,), 0)
B: Label = ((1,), 0)
FAULT: Label = ((0,), 1)
TICK: Label = (CLOCK, 0)


def parts(edges: list[list[tuple[Label, int]]]) -> list[set[int]]:
    return sorted(fair_parts(edges, range(len(edges))), key=min)


def test_a_state_without_a_way_back_is_no_component() -> None:
    assert list(components([[(A, 1)], [(A, 2)], []], range(3))) == []


def test_components_are_found_whole_and_a_loop_of_one_state_counts() -> None:
    edges = [[(A, 1)], [(A, 2), (B, 0)], [(B, 2)]]
    assert sorted(map(sorted, components(edges, range(3)))) == [[0, 1], [2]]


def test_a_component_lies_inside_the_states_that_are_asked_for() -> None:
    assert list(components([[(A, 1)], [(A, 0)]], {0})) == []


def test_who_is_enabled_all_along_and_never_moves_makes_a_cycle_unfair() -> None:
    assert parts([[(A, 0), (B, 1)], []]) == []
    assert parts([[(A, 0)], []]) == [{0}]


def test_who_is_enabled_again_and_again_has_to_move_too() -> None:
    """Strong fairness: B could go on at state 1 only, and leaves the cycle there."""
    assert parts([[(A, 1)], [(A, 0), (B, 2)], []]) == []


def test_a_part_of_an_unfair_component_may_be_fair() -> None:
    edges = [[(A, 1)], [(A, 0), (A, 2), (B, 3)], [(A, 2), (A, 1)], []]
    assert parts(edges) == [{2}]


def test_faults_owe_nothing_and_the_clock_does() -> None:
    assert [owes(label) for label in (A, FAULT, TICK)] == [True, False, True]
    assert parts([[(A, 0), (FAULT, 1)], []]) == [{0}]
    assert parts([[(A, 0), (TICK, 1)], []]) == []


def test_a_way_is_the_shortest_and_may_lead_back_to_where_it_begins() -> None:
    edges = [[(A, 1), (B, 2)], [(A, 2)], [(A, 0)]]
    assert way(edges, 0, (2).__eq__) == [(B, 2)]
    assert way(edges, 0, (0).__eq__) == [(B, 2), (A, 0)]
    assert way(edges, 0, (2).__eq__, inside={0, 1}) is None


def test_a_round_trip_moves_everybody_and_comes_back() -> None:
    edges = [[(A, 1), (A, 2)], [(A, 0)], [(B, 0)]]
    trip = round_trip(edges, {0, 1, 2}, 0)
    assert {label for label, _ in trip} == {A, B}
    assert trip[-1][1] == 0
