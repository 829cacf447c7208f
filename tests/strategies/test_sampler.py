from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dmabuf_async.engine import inline
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.catalogue import STRATEGIES
from dmabuf_async.strategies.pct import Pct
from dmabuf_async.strategies.pos import Pos
from tests.harness import loads, machine_for
from tests.strategies.sampled import runs

pytestmark = pytest.mark.unaudited  # thousands of executions

SAMPLERS = ["pct", "pos", "urw", "surw", "delay"]


def killed(machine: Machine) -> Any:
    """How many of its steps a process makes that may be killed until it is."""
    cell = machine.cell("c")
    made: list[str] = []

    async def work(name: str) -> None:
        for _ in range(40):
            await cell.load()
            if not user.killed:
                made.append(name)

    user = machine.task("user", work, "user", user=True)
    machine.task("other", work, "other", cpu=1)
    return lambda: made.count("user")


def allocating(machine: Machine) -> Any:
    """Which of 30 allocations failed."""
    page = machine.buffer("b").pages[0]
    failed: list[int] = []

    async def take() -> None:
        for number in range(30):
            try:
                await machine.zones["ram"].alloc(page)
            except KernelError:
                failed.append(number)

    machine.task("a", take)
    return lambda: tuple(failed)


def waiting(machine: Machine) -> Any:
    """What an interruptible wait said."""
    cell = machine.cell("c")
    said: list[object] = []

    async def wait() -> None:
        try:
            said.append(await cell.wait("==", 1, interruptible=True))
        except KernelError as error:
            said.append(error.errno)

    async def store() -> None:
        await cell.load()
        await cell.store(1)

    machine.task("waiter", wait)
    machine.task("setter", store, cpu=1)
    return lambda: tuple(said)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_environment_acts_now_and_then_early_and_late(name: str) -> None:
    counts = Counter(ran.observed for ran in runs(killed, STRATEGIES[name](1), 400, sizes=Sizes(kills=1)))
    assert counts[40] > 20
    assert min(counts) < 6
    assert any(30 < count < 40 for count in counts)


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_op_that_may_fail_mostly_does_not_and_each_does_now_and_then(name: str) -> None:
    failures = [ran.observed for ran in runs(allocating, STRATEGIES[name](1), 400, sizes=Sizes(ram=30, enomem=30))]
    assert all(any(number in failed for failed in failures) for number in range(30))
    assert sum(map(len, failures)) < 400 * 30 / 4
    assert sum(not failed for failed in failures) > 20


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_wait_is_interrupted_now_and_then(name: str) -> None:
    counts = Counter(ran.observed for ran in runs(waiting, STRATEGIES[name](1), 200, sizes=Sizes(eintr=1)))
    assert counts[1,] > counts["EINTR",] > 5


@pytest.mark.parametrize("name", SAMPLERS)
def test_time_passes_before_others_act_and_after(name: str) -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")
        order: list[str] = []

        async def sleep() -> None:
            await machine.clock.sleep(5)
            order.append("s")

        async def work() -> None:
            for _ in range(3):
                await cell.load()
            order.append("w")

        machine.task("sleeper", sleep)
        machine.task("worker", work, cpu=1)
        return lambda: "".join(order)

    assert {ran.observed for ran in runs(build, STRATEGIES[name](1), 200)} == {"sw", "ws"}


def test_it_measures_in_its_first_execution_and_in_the_16th_and_256th() -> None:
    strategy = Pct(0)
    measuring = []
    for index in range(300):
        machine, _ = machine_for(loads(1, 1))
        inline.execute(machine, strategy, index=index)
        if strategy.measuring:
            measuring.append(index + 1)
    assert measuring == [1, 16, 256]


def test_one_that_measures_nothing_begins_at_once() -> None:
    strategy = Pos(0)
    next(runs(loads(1, 1), strategy, 1))
    assert strategy._executions == 1
