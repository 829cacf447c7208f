"""The machine's time as the clock of a trio run, as a fixture of pytest-trio gives it."""

from __future__ import annotations

import math
import time

import pytest
import trio

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import on_anyio
from dmabuf_async.engine.clock import VirtualClock
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk


class Noting(VirtualClock):
    """Notes when trio asks how long to sleep."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine)
        self.asked: list[float] = []

    def deadline_to_sleep_time(self, deadline: float) -> float:
        self.asked.append(deadline)
        return super().deadline_to_sleep_time(deadline)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def clock(machine: Machine) -> Noting:
    return Noting(machine)


@pytest.mark.trio
async def test_the_fixture_is_the_clock_of_the_run(clock: Noting) -> None:
    assert trio.lowlevel.current_clock() is clock


@pytest.mark.trio
async def test_a_virtual_sleep_of_a_million_ticks_takes_no_real_time(machine: Machine, clock: Noting) -> None:
    async def sleeper() -> None:
        await machine.clock.sleep(1_000_000)

    machine.task("sleeper", sleeper)
    machine.seal()
    began = time.monotonic()
    core = await on_anyio.execute(machine, Calm(), watch=Watch(machine, CHECKERS))
    assert core is not None
    assert core.stopped == "ended"
    assert time.monotonic() - began < 5
    assert trio.current_time() == machine.clock.now == 1_000_000


@pytest.mark.trio
async def test_time_agrees_at_every_step_and_trio_asks_to_sleep_at_none(machine: Machine, clock: Noting) -> None:
    async def sleeper(ticks: int) -> None:
        for _ in range(3):
            await machine.clock.sleep(ticks)

    for number in range(3):
        machine.task(f"t{number}", sleeper, 10 + number)
    machine.seal()
    times: list[tuple[float, int]] = []
    watch = Watch(machine, CHECKERS, on_step=lambda: times.append((trio.current_time(), machine.clock.now)))
    await trio.lowlevel.checkpoint()
    clock.asked.clear()
    await on_anyio.execute(machine, RandomWalk(1), watch=watch)
    assert [ours for ours, _ in times] == [now for _, now in times]
    assert machine.clock.now >= 36
    assert clock.asked == [], "somebody was always runnable"


@pytest.mark.trio
async def test_when_nothing_is_runnable_time_goes_on_to_the_deadline_at_once(machine: Machine, clock: Noting) -> None:
    began = time.monotonic()
    await trio.sleep(80_000)
    assert time.monotonic() - began < 5
    assert trio.current_time() == 80_000
    assert machine.clock.now == 0
    assert [deadline for deadline in clock.asked if not math.isinf(deadline)] == [80_000]


@pytest.mark.trio
async def test_a_deadline_of_trio_is_met_by_the_time_of_the_machine(machine: Machine, clock: Noting) -> None:
    async def sleeper() -> None:
        while True:
            await machine.clock.sleep(10)

    machine.task("sleeper", sleeper)
    machine.seal()
    with trio.move_on_after(1_000) as scope:
        await on_anyio.execute(machine, Calm(), watch=Watch(machine, CHECKERS), max_steps=10**9)
    assert scope.cancelled_caught
    assert 1_000 <= machine.clock.now < 2_000
    assert not [deadline for deadline in clock.asked if math.isfinite(deadline)]


@pytest.mark.trio
async def test_time_does_not_go_back_when_the_machine_is_reset(machine: Machine, clock: Noting) -> None:
    async def sleeper() -> None:
        await machine.clock.sleep(7)

    machine.task("sleeper", sleeper)
    machine.seal()
    for round_ in (1, 2, 3):
        await on_anyio.execute(machine, Calm(), watch=Watch(machine, CHECKERS))
        assert trio.current_time() == 7 * round_
        machine.reset()
        assert trio.current_time() == 7 * round_


def test_without_a_deadline_it_waits_for_what_comes_from_outside(machine: Machine) -> None:
    clock = VirtualClock(machine)
    clock.start_clock()
    assert clock.deadline_to_sleep_time(math.inf) > 100
    assert clock.deadline_to_sleep_time(-5) == 0
    assert clock.current_time() == 0
