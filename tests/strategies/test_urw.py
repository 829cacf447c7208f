from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.base import Strategy
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.urw import Urw
from dmabuf_async.tasks import Group
from tests.harness import interleavings, loads
from tests.strategies.sampled import about, observed, runs

pytestmark = pytest.mark.unaudited  # thousands of executions

N = 6000
LENGTHS = (2, 3, 1)
QUANTILE = 98.3
"""Of chi-square with 59 degrees of freedom: exceeded with a probability of 0.001."""


def chi_square(strategy: Strategy) -> float:
    expected = N / interleavings(*LENGTHS)
    counts = observed(loads(*LENGTHS), strategy, N)
    missing = interleavings(*LENGTHS) - len(counts)
    return sum((count - expected) ** 2 / expected for count in counts.values()) + missing * expected


def test_it_is_uniform_over_the_interleavings_of_independent_actors() -> None:
    assert interleavings(*LENGTHS) == 60
    assert chi_square(Urw(1)) < QUANTILE
    assert chi_square(RandomWalk(1)) > 10 * QUANTILE


def family(machine: Machine) -> Any:
    """A parent of six steps of its own has a child of eight; somebody else makes five."""
    cell = machine.cell("c")
    order: list[str] = []

    async def steps(name: str, count: int) -> None:
        for _ in range(count):
            await cell.load()
            order.append(name)

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(steps, "c", 8)
            order.append("p")
            await steps("p", 2)

    machine.task("parent", parent)
    machine.task("other", steps, "o", 5)
    return lambda: "".join(order)


def test_a_parent_counts_for_its_unborn_descendants_and_no_more_when_they_are_born() -> None:
    seen = [ran.observed for ran in runs(family, Urw(2), 3000)]
    assert about(sum(order[0] == "p" for order in seen), 3000, 14 / 19 * 13 / 18)  # it opens a group, and spawns
    second = [order[1] for order in seen if order[0] == "p"]
    assert about(second.count("c"), len(second), 8 / 17)
    assert about(second.count("p"), len(second), 4 / 17)


def test_more_steps_than_were_measured_count_as_one() -> None:
    """The first execution saw ``long`` give up; it must not be left to the end for that."""

    def build(machine: Machine) -> Any:
        cell = machine.cell("c")
        order: list[str] = []

        async def long() -> None:
            for _ in range(4 if strategy.measuring else 8):
                await cell.load()
                order.append("l")

        async def short() -> None:
            await cell.load()
            order.append("s")

        machine.task("long", long)
        machine.task("short", short)
        return lambda: "".join(order)

    strategy = Urw(3)
    counts = observed(build, strategy, 3000)
    # 4 : 1, 3 : 1, 2 : 1, and 1 : 1 from then on
    assert about(counts["sllllllll"], 3000, 1 / 5)
    assert about(counts["lllllllls"], 3000, 4 / 5 * 3 / 4 * 2 / 3 / 2**5)


def test_an_actor_that_is_not_ready_counts_again_when_it_is() -> None:
    """``b`` is drawn, and found to wait, while ``a`` holds the lock; the third goes on far longer."""

    def build(machine: Machine) -> Any:
        mutex, cell = machine.mutex("m"), machine.counter("c")
        order: list[str] = []

        async def work(name: str) -> None:
            await mutex.lock()
            await cell.load()
            await cell.load()
            await mutex.unlock()
            order.append(name)

        async def go_on() -> None:
            for _ in range(30):
                await cell.load()
            order.append("c")

        for name in "ab":
            machine.task(name, work, name)
        machine.task("c", go_on)
        return lambda: "".join(order)

    counts = observed(build, Urw(4), 1000)
    assert counts["abc"] + counts["bac"] > 500


def test_the_tree_of_weights_grows_with_the_actors() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")

        async def step() -> None:
            await cell.load()

        async def parent() -> None:
            async with Group() as group:
                for _ in range(9):
                    await group.spawn(step)

        machine.task("parent", parent)
        return lambda: None

    assert {ran.stopped for ran in runs(build, Urw(5), 50)} == {"ended"}
