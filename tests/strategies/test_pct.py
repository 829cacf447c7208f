from __future__ import annotations

from math import comb
from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.pct import Pct
from dmabuf_async.tasks import Group
from tests.harness import loads
from tests.strategies.sampled import about, observed, runs

pytestmark = pytest.mark.unaudited  # thousands of executions

N = 4000


def test_without_change_points_each_order_of_the_actors_is_equally_probable_and_nobody_is_preempted() -> None:
    counts = observed(loads(2, 2, 2), Pct(1, depth=1), N)
    assert len(counts) == 6
    assert all(about(count, N, 1 / 6) for count in counts.values())


def test_a_bug_of_depth_2_is_found_as_often_as_the_paper_promises_and_as_reckoned() -> None:
    """``b`` comes at one place of the six steps of ``a``: 1 / (n k) at least, with n = 2 and k = 6."""
    counts = observed(loads(6, 1), Pct(2, depth=2), N)
    assert all(about(counts["a" * i + "b" + "a" * (6 - i)], N, 1 / 12) for i in range(1, 7))
    assert about(counts["baaaaaa"], N, 1 / 2)


def test_a_bug_of_depth_3_is_found_as_often_as_reckoned_since_a_later_change_may_be_to_the_higher_priority() -> None:
    """``abab`` needs ``a`` first, changes at choices 2 and 3, and the second to be the lower: 1/2 1/3 1/2."""
    counts = observed(loads(2, 2), Pct(3, depth=3), N)
    assert about(counts["abab"], N, 1 / 12)
    assert 1 / 12 >= 1 / (2 * 3**2)


def test_k_is_the_most_choices_so_far_and_steps_of_an_only_actor_are_none() -> None:
    strategy = Pct(0)
    ks = [strategy.k for _ in runs(loads(2, 3), strategy, 60)]
    assert ks == sorted(ks)
    assert ks[-1] == 4  # 5 steps, but where `a` has one left and `b` none, or the other way round, nothing is chosen


def test_more_change_points_than_choices_are_not_made() -> None:
    strategy = Pct(0, depth=1000)
    for _ in runs(loads(2, 2), strategy, 20):
        assert len({choice for choice, _ in strategy._points()}) <= strategy.k


def family(machine: Machine) -> Any:
    """A parent with a child and one more step, and somebody else."""
    cell = machine.cell("c")
    order: list[str] = []

    async def step(name: str) -> None:
        await cell.load()
        order.append(name)

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(step, "c")
            await step("p")

    machine.task("parent", parent)
    machine.task("q", step, "q")
    return lambda: "".join(order)


def test_a_new_actor_takes_a_random_rank_among_those_that_are_present() -> None:
    counts = observed(family, Pct(4, depth=1), N)
    first = counts["qcp"] + counts["qpc"]
    # q above the parent: it has ended when the child is born, which is above the parent or below
    # with the same probability. q below the parent: there are three ranks.
    cpq, pcq, pqc = counts["cpq"], counts["pcq"], counts["pqc"]
    assert about(counts["qcp"], first, 1 / 2)
    assert all(about(count, cpq + pcq + pqc, 1 / 3) for count in (cpq, pcq, pqc))


def test_a_new_actor_is_above_all_that_were_lowered() -> None:
    class Noted(Pct):
        def _among(self) -> float:
            ranks.append(super()._among())
            return ranks[-1]

    ranks: list[float] = []
    for _ in runs(family, Noted(6, depth=4), 200):
        pass
    assert len(ranks) == 200
    assert all(-1 < rank < 0 for rank in ranks)


def spinning(machine: Machine) -> Any:
    flag = machine.counter("flag")

    async def spin() -> None:
        while await flag.load() == 0:
            pass

    async def free() -> None:
        for _ in range(5):
            await flag.load()
        await flag.store(1)

    machine.task("spinner", spin)
    machine.task("other", spin)
    machine.task("free", free)
    return lambda: None


def test_who_spins_is_lowered_so_that_the_others_go_on() -> None:
    assert {ran.stopped for ran in runs(spinning, Pct(0), 100)} == {"ended"}


def test_who_spun_does_not_raise_k() -> None:
    strategy = Pct(0, depth=1)
    ks = {strategy.k for _ in runs(spinning, strategy, 14)}
    assert max(ks) < 64


def test_each_interleaving_can_come() -> None:
    assert len(observed(loads(3, 3), Pct(5, depth=6), N)) == comb(6, 3)
