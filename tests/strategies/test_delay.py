from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.delay import Delay
from tests.harness import loads
from tests.strategies.sampled import observed, runs
from tests.strategies.test_pct import spinning

pytestmark = pytest.mark.unaudited  # thousands of executions


def test_the_first_execution_has_no_delay_and_then_the_bound_grows() -> None:
    strategy = Delay(0, delays=2)
    bounds = []
    for ran in runs(loads(2, 2), strategy, 6):
        bounds.append(strategy._bound)
        if strategy._bound == 0:
            assert ran.observed == "aabb"
    assert bounds == [0, 1, 2, 1, 2, 1]


def test_with_one_delay_the_other_actor_comes_at_one_place_and_goes_on_to_its_end() -> None:
    assert set(observed(loads(3, 3), Delay(1, delays=1), 200)) == {"aaabbb", "bbbaaa", "abbbaa", "aabbba"}


def test_two_delays_at_the_same_choice_pass_over_two() -> None:
    assert "cab" in observed(loads(1, 1, 1), Delay(2, delays=2), 200)
    assert "cab" not in observed(loads(1, 1, 1), Delay(2, delays=1), 200)


def test_with_no_delay_there_is_one_schedule() -> None:
    assert set(observed(loads(3, 3), Delay(3, delays=0), 20)) == {"aaabbb"}


def test_a_switch_away_from_who_cannot_go_on_is_free() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.counter("c")
        order: list[str] = []

        async def wait() -> None:
            order.append("w")
            await cell.wait("==", 1)
            order.append("w")

        async def store() -> None:
            await cell.load()
            await cell.store(1)
            order.append("s")
            await cell.load()
            order.append("s")

        machine.task("waiter", wait)
        machine.task("setter", store)
        return lambda: "".join(order)

    assert set(observed(build, Delay(4, delays=0), 3)) == {"wssw"}


def test_who_spins_is_passed_over_for_nothing() -> None:
    assert {ran.stopped for ran in runs(spinning, Delay(0), 60)} == {"ended"}


def test_the_clock_does_not_go_before_others_unless_by_a_delay() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")
        order: list[str] = []

        async def sleep() -> None:
            await machine.clock.sleep(5)
            order.append("s")

        async def work() -> None:
            await cell.load()
            await cell.load()
            order.append("w")

        machine.task("sleeper", sleep)
        machine.task("one", work)
        machine.task("two", work)
        return lambda: "".join(order)

    assert set(observed(build, Delay(5, delays=0), 3)) == {"wws"}
    assert "wsw" in observed(build, Delay(5, delays=2), 100)
