"""A limit of faults holds for every strategy, and changes no option."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.replaying import replay
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario import catalogue
from dmabuf_async.strategies import SAMPLING
from dmabuf_async.strategies.base import ChoicePoint, Run
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.catalogue import strategy
from dmabuf_async.strategies.limited import Limited
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.brute import program_of

SCENARIOS = Path(__file__).parents[2] / "scenarios"
BUDGET = 6


class Eager(Calm):
    """Takes the last option: a fault wherever there is one."""

    def choose(self, point: ChoicePoint) -> int:
        return point.n - 1


def faulty(machine: Machine) -> None:
    page, cell = machine.buffer("b", 1).pages[0], machine.cell("c")

    async def work(interruptible: bool) -> None:
        for _ in range(4):
            try:
                await machine.zones["ram"].alloc(page)
                await cell.wait("==", 0, interruptible=interruptible)
            except Exception:  # noqa: BLE001, S110 - it goes on whatever fails
                pass

    async def stop() -> None:
        await cell.store(1)
        await cell.store(0)

    machine.task("one", work, True)
    machine.task("two", work, False, cpu=1)
    machine.task("three", stop)


def faults_of(chooser: Any, executions: int = 30) -> list[int]:
    """How many faults each execution has."""
    program = program_of(faulty, Sizes(ram=32, enomem=BUDGET // 2, eintr=BUDGET // 2))
    machines, counts = program.machines(), []
    for index in range(executions):
        machine = machines()
        watch = Watch(machine, trace=True)
        core = inline.execute(machine, chooser, watch=watch, index=index)
        assert core is not None
        counts.append(sum(event.fault for event in watch.trace(core).events))
    return counts


@pytest.mark.parametrize("name", SAMPLING)
@pytest.mark.parametrize("most", [0, 1, 2])
def test_no_strategy_has_more_faults_than_the_limit(name: str, most: int) -> None:
    counts = faults_of(Limited(strategy(name, 1), most))
    assert max(counts) == most


def test_the_limit_is_of_each_execution_and_all_that_it_allows_can_come() -> None:
    assert faults_of(Eager(), 2) == [BUDGET] * 2
    assert faults_of(Limited(Eager(), 3), 2) == [3] * 2
    assert faults_of(Limited(Eager(), BUDGET + 1), 2) == [BUDGET] * 2


def test_its_schedules_mean_the_same_to_everybody() -> None:
    program = catalogue.load(str(SCENARIOS / "memory" / "enomem-leaks-frames.toml"))
    verdict = perform(fuzz(program, Limited(RandomWalk(0), 1), executions=60))
    (failure,) = verdict.failures
    again = replay(program, failure.schedule)
    assert failure.finding.signature in {finding.signature for finding in again.primary}


def test_all_else_is_what_the_strategy_has() -> None:
    limited = Limited(strategy("portfolio", 0), 1)
    assert (limited.name, len(limited.members)) == ("portfolio", 5)
    assert not hasattr(Limited(Calm(), 1), "playing")
    verdict = perform(fuzz(program_of(faulty, Sizes(ram=32, enomem=1)), limited, executions=20))
    assert verdict.sample is not None
    assert (verdict.sample.sampler, verdict.sample.drawn) == ("random", 4)


class Hearing(Calm):
    """Counts the steps that it chooses or is told of."""

    heard = 0

    def attend(self, run: Run) -> None:
        run.alone = self.hear

    def hear(self, actor: Actor) -> None:
        self.heard += 1

    def choose(self, point: ChoicePoint) -> int:
        self.heard += not point.is_outcome
        return super().choose(point)


def test_a_strategy_hears_of_the_step_that_is_left_when_no_fault_may_come_any_more() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def wait() -> None:
            await cell.wait("==", 1, interruptible=True)

        async def store() -> None:
            for _ in range(3):
                await cell.load()
            await cell.store(1)

        machine.task("one", wait)
        machine.task("two", store)

    hearing, machine = Hearing(), program_of(build, Sizes(eintr=1)).machines()()
    core = inline.execute(machine, Limited(hearing, 0))
    assert core is not None
    assert hearing.heard == core.steps == 5
