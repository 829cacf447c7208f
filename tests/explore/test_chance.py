"""The probability that a random walk meets something."""

from __future__ import annotations

import pytest

from dmabuf_async import Machine, RandomWalk, from_function, fuzz, load, perform
from dmabuf_async.explore.chance import chance
from dmabuf_async.explore.following import Label
from dmabuf_async.explore.graph import Graph

pytestmark = pytest.mark.unaudited

A: Label = ((0,), 0)
B: Label = ((1,), 0)
FAILS: Label = ((1,), 1)


def test_a_transition_of_two_is_met_half_of_the_time() -> None:
    assert chance([[(A, 1), (B, 2)], [], []], {(0, 1)}) == 0.5
    assert chance([[(A, 1), (B, 2)], [], []], {(2, -1)}) == 0.5


def test_outcomes_share_the_chance_of_their_actor() -> None:
    edges = [[(A, 1), (B, 2), (FAILS, 3)], [], [], []]
    assert [chance(edges, {(state, -1)}) for state in (1, 2, 3)] == [0.5, 0.25, 0.25]


def test_what_is_met_is_not_met_twice() -> None:
    assert chance([[(A, 1)], [(A, 2)], []], {(0, 0), (1, 0), (2, -1)}) == 1


def test_who_may_go_round_meets_it_in_the_end() -> None:
    edges = [[(A, 0), (B, 1)], [(A, 1), (B, 2)], []]
    assert chance(edges, {(2, -1)}) == pytest.approx(1)
    away = [[(A, 0), (B, 1), (((2,), 0), 2)], [], []]
    assert chance(away, {(1, -1)}) == pytest.approx(0.5)


def test_a_reader_that_must_come_last_of_four_comes_so_once_in_sixteen_times() -> None:
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def counts() -> None:
            for _ in range(4):
                await counter.add(1)

        async def looks() -> None:
            assert await counter.load() < 4

        machine.task("counts", counts)
        machine.task("looks", looks)

    graph = Graph(from_function(furnish))
    while graph.advance():
        pass
    (signature,) = graph.progress.failures
    assert graph.chance(signature) == 1 / 16


@pytest.mark.parametrize("name", ["pin/pins-ignored.toml", "locks/abba.toml", "memory/enomem-ignored.toml"])
def test_samples_come_to_what_is_computed(name: str) -> None:
    program = load(f"scenarios/{name}")
    graph = Graph(program)
    while graph.advance():
        pass
    verdict = perform(fuzz(program, RandomWalk(7), executions=4_000))
    assert set(verdict.counts) <= set(graph.progress.failures)
    for signature in graph.progress.failures:
        expected = graph.chance(signature)
        deviation = (expected * (1 - expected) / 4_000) ** 0.5
        assert verdict.counts.get(signature, 0) / 4_000 == pytest.approx(expected, abs=5 * deviation + 1e-9)
