"""The order of locks over all executions: circles that no execution shows alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.lock_cycles import LockCycles
from dmabuf_async.explore.replaying import replay
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.scenario.catalogue import load
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.trace.events import LockEdge

ROOT = Path(__file__).parents[2] / "scenarios" / "locks"


def edge(names: str) -> LockEdge:
    """``one: a b``: one took b while it held a."""
    actor, _, locks = names.partition(": ")
    held, taken = locks.split()
    return LockEdge(held, taken, actor, held, taken)


def circles(*executions: tuple[str, ...]) -> list[tuple[str, int]]:
    """What is told of executions that showed these edges: who took what, and how often."""
    cycles = LockCycles()
    for number, names in enumerate(executions, 1):
        cycles.note([edge(name) for name in names], number, lambda number=number: f"dba1:{number}")  # type: ignore[misc]
    return [
        (", ".join(f"{one.edge.held}{one.edge.taken}@{one.execution}" for one in failure.edges), count)
        for failure, count in cycles.failures(expected=False)
    ]


def test_two_orders_in_two_executions_are_a_circle() -> None:
    assert circles(("one: a b",), ("two: b a",), ("two: b a",)) == [("ab@1, ba@2", 1)]


def test_two_orders_in_one_execution_have_been_told_by_it() -> None:
    assert circles(("one: a b", "two: b a"), ("one: a b",)) == []


def test_three_locks_are_one_circle_whichever_edge_is_looked_at_first() -> None:
    assert circles(("one: a b",), ("two: b c", "three: c a")) == [("ab@1, bc@2, ca@2", 1)]


def test_the_shortest_circle_is_told_and_others_that_share_an_edge_too() -> None:
    told = circles(("one: a b",), ("two: b c",), ("three: c a",), ("four: b a",))
    assert told == [("ab@1, ba@4", 1), ("bc@2, ca@3, ab@1", 1)]


def test_one_order_is_no_circle() -> None:
    assert circles(("one: a b", "one: b c", "two: a c"), ("two: b c",)) == []


def test_who_departs_from_p7_has_been_told_where_it_did() -> None:
    assert circles(("one: mmap_lock dma_resv",), ("two: dma_resv mmap_lock",)) == []


def verdict(name: str, executions: int = 100) -> Verdict:
    return perform(fuzz(load(str(ROOT / name)), RandomWalk(0), executions=executions))


@pytest.mark.parametrize("name", ["order-over-executions.toml", "three-in-a-circle.toml"])
def test_each_edge_can_be_replayed_and_no_execution_shows_a_finding(name: str) -> None:
    [failure] = verdict(name).failures
    assert (failure.finding.code, failure.finding.rule, failure.finding.step) == ("lock-order", "P7", 0)
    assert failure.expected
    assert len(failure.edges) == (2 if "order" in name else 3)
    for shown in failure.edges:
        again = replay(load(str(ROOT / name)), shown.schedule)
        assert shown.edge in again.lock_edges
        assert again.findings == ()


def test_the_circle_is_a_finding_of_the_verdict() -> None:
    told = verdict("order-over-executions.toml")
    assert told.exit_code == 0
    assert told.missing == ()
    [count] = told.counts.values()
    assert 0 < count < 100
    assert told.failures[0].finding.message == (
        "over all executions the order of locks goes in a circle: front takes state while it holds list, "
        "back takes list while it holds state"
    )


def test_too_few_executions_show_no_circle() -> None:
    assert verdict("order-over-executions.toml", 1).failures == ()
