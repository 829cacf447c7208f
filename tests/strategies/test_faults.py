"""Each site of a fault that an execution comes by fails in another one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.engine import inline
from dmabuf_async.engine.core import Core
from dmabuf_async.errors import KernelError
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies import faults as module
from dmabuf_async.strategies.base import ChoicePoint, Option
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.faults import Faults, Site, Sites, sites_of
from dmabuf_async.strategies.portfolio import Portfolio
from dmabuf_async.tasks import Kill
from tests.brute import program_of
from tests.generated import program as generated
from tests.harness import Every

pytestmark = pytest.mark.unaudited  # they are many

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def load(name: str) -> Program:
    return catalogue.load(str(SCENARIOS / name))


def executed(program: Program, strategy: Any, executions: int, max_steps: int = 1_000) -> list[Core]:
    machines, made = program.machines(), []
    for index in range(executions):
        core = inline.execute(machines(), strategy, index=index, max_steps=max_steps)
        if core is None:
            break
        made.append(core)
    return made


def fired(program: Program, executions: int, **options: Any) -> list[tuple[Site, ...]]:
    """The faults of each execution, in their order."""
    strategy, machines, made = Faults(**options), program.machines(), []
    for index in range(executions):
        inline.execute(machines(), strategy, index=index, max_steps=1_000)
        made.append(tuple(strategy._fired))
    return made


def allocating(*names: str, times: int = 2, enomem: int = 2) -> Program:
    """Tasks that allocate a frame so many times each, and end when they get none."""

    def build(machine: Machine) -> None:
        page = machine.buffer("b", 1).pages[0]

        async def allocate() -> None:
            for _ in range(times):
                await machine.zones["ram"].alloc(page)

        for name in names:
            machine.task(name, allocate)

    return program_of(build, Sizes(ram=16, enomem=enomem))


def found(verdict: Verdict) -> bool:
    """Whether an assertion failed; that frames are lost doesn't matter here."""
    return "assertion" in {failure.finding.code for failure in verdict.failures}


# Systematically -----------------------------------------------------------------------------------


def test_the_nth_call_fails_in_the_nth_execution_in_the_calm_order_and_then_in_another() -> None:
    a, b = ((0,), 1, "ENOMEM"), ((0,), 2, "ENOMEM")
    c, d = ((1,), 1, "ENOMEM"), ((1,), 2, "ENOMEM")
    assert fired(allocating("one", "two"), 9) == [(), (a,), (b,), (c,), (d,), (a,), (b,), (c,), (d,)]


def test_pairs_come_after_single_faults_and_each_pair_once() -> None:
    made = fired(allocating("one", times=3), 30, most=2)
    sites = [((0,), number, "ENOMEM") for number in (1, 2, 3)]
    assert made[:7] == [(), *((site,) for site in sites), *((site,) for site in sites)]
    assert not {pair for pair in made if len(pair) == 2}, "it gives up at the first failure"

    made = fired(allocating("one", "two", "three", times=1), 13, most=2)
    one, two, three = (((number,), 1, "ENOMEM") for number in range(3))
    assert made[:7] == [(), (one,), (two,), (three,), (one,), (two,), (three,)]
    assert made[8::2] == [(one, two), (one, three), (two, three)], "in turn with what is drawn"


def test_a_bug_that_needs_the_second_allocation_to_fail_is_found_by_its_turn() -> None:
    program = load("memory/enomem-leaks-frames.toml")
    verdict = perform(fuzz(program, Faults(0), executions=3))
    assert [failure.finding.code for failure in verdict.failures] == ["frame-leak"]
    assert verdict.failures[0].execution == 3
    assert verdict.sites == Sites(2, 2)


def test_what_another_order_leads_to_fails_in_that_order() -> None:
    def build(machine: Machine) -> None:
        page, cell = machine.buffer("b", 1).pages[0], machine.counter("c")

        async def late() -> None:
            for _ in range(6):
                await cell.load()
            await cell.store(1)

        async def rare() -> None:
            for _ in range(4):
                await cell.load()
            if await cell.load() == 1:  # in the calm order it is, in most others not
                return
            try:
                await machine.zones["ram"].alloc(page)
            except KernelError:
                raise AssertionError("nobody has seen this") from None

        machine.task("late", late)
        machine.task("rare", rare)

    verdict = perform(fuzz(program_of(build, Sizes(enomem=1)), Faults(1), executions=12))
    assert found(verdict)
    assert verdict.sites == Sites(1, 1)


def test_what_a_fault_leads_to_fails_after_that_fault() -> None:
    def build(machine: Machine) -> None:
        page = machine.buffer("b", 1).pages[0]

        async def unwinding() -> None:
            try:
                await machine.zones["ram"].alloc(page)
            except KernelError:
                try:
                    await machine.zones["ram"].alloc(page)
                except KernelError:
                    raise AssertionError("the error path fails, too") from None

        machine.task("one", unwinding)

    program = program_of(build, Sizes(enomem=2))
    verdict = perform(fuzz(program, Faults(1, most=2), executions=3))
    assert found(verdict)
    assert verdict.sites == Sites(2, 2)
    verdict = perform(fuzz(program, Faults(1, most=1), executions=40))
    assert not found(verdict)
    assert verdict.sites == Sites(1, 1)


def test_a_wait_that_was_interrupted_counts_as_a_call() -> None:
    def build(machine: Machine) -> None:
        page, cell = machine.buffer("b", 1).pages[0], machine.cell("c")

        async def wait() -> None:
            try:
                await cell.wait("==", 1, interruptible=True)
            except KernelError:
                await machine.zones["ram"].alloc(page)

        async def load() -> None:
            for _ in range(3):
                await cell.load()

        machine.task("one", wait)
        machine.task("two", load)

    made = fired(program_of(build, Sizes(enomem=1, eintr=1)), 20, most=2)
    interrupted = ((0,), 1, "EINTR")
    assert set(made) == {(), (interrupted,), (interrupted, ((0,), 2, "ENOMEM"))}


@pytest.mark.parametrize(
    "name",
    [
        "mmap/killed-repaired.toml", "process/killed.toml", "locks/interrupted-holder-repaired.toml",
        "cache/stale-line-evicted-repaired.toml", "cache/prefetch-during-dma-repaired.toml",
        "mmap/flushed-before-cleared-repaired.toml", "memory/enomem-ignored-repaired.toml",
    ],
)  # fmt: skip
def test_kills_interrupts_and_what_the_machine_does_by_itself_are_sites_and_each_fails(name: str) -> None:
    program = load(name)
    verdict = perform(fuzz(program, Faults(0, program.sizes.faults), executions=400))
    assert verdict.sites is not None
    assert verdict.sites.known
    assert verdict.sites.failed == verdict.sites.known
    assert verdict.exit_code == 0


class Spying(Every):
    """Goes through all executions, and notes each site at which the first fault may be."""

    def __init__(self) -> None:
        super().__init__()
        self.sites: set[Site] = set()

    def start(self, run: Any) -> bool:
        self.calls, self.steps = Counter[Any](), Counter[Any]()
        self.faulty = False
        return super().start(run)

    def attend(self, run: Any) -> None:
        self.run = run

    def choose(self, point: ChoicePoint) -> int:
        picked = super().choose(point)
        if point.is_outcome:
            path = point.options[0].actor.path
            self.calls[path] += 1
            sites = [(path, self.calls[path], option.outcome) for option in point.options[1:]]
            fault = picked > 0
        else:
            options = point.options[len(self.run.ready) :]
            sites = [self.site(option) for option in options]
            fault = picked >= len(self.run.ready)
            self.steps[point.options[picked].actor.path] += 1
        if not self.faulty:
            self.sites.update(sites)
        self.faulty |= fault
        return picked

    def site(self, option: Option) -> Site:
        actor, op, outcome = option
        if isinstance(op, Kill):
            return op.thing.path, self.steps[op.thing.path], "kill"
        return (actor.path, self.calls[actor.path] + 1, outcome) if outcome else (actor.path, 0, op.kind)


@pytest.mark.parametrize("seed", [3, 4, 5, 6, 21, 49, 50, 54, 56, 63, 80, 84, 90, 102, 119, 133])
def test_every_site_there_is_is_come_by_and_fails(seed: int) -> None:
    program, spy = generated(seed, size=30), Spying()
    assert program.sizes.faults
    assert len(executed(program, spy, 1_000)) < 1_000
    faults = Faults(0)
    executed(program, faults, 600)
    assert set(faults._failed) == spy.sites
    assert all(faults._failed.values())


# At random ----------------------------------------------------------------------------------------


def test_when_all_was_tried_it_draws_up_to_as_many_faults_as_there_may_be() -> None:
    made = fired(allocating("one", "two", "three", "four", times=1, enomem=4), 300, most=3)
    assert {len(faults) for faults in made[150:]} == {0, 1, 2, 3}
    assert len(set(made[150:])) > 20


@pytest.mark.parametrize("most", [1, 2])
def test_there_are_never_more_faults_than_there_may_be(most: int) -> None:
    for core in executed(allocating("one", "two", times=1, enomem=9), Faults(3, most), 100):
        assert 9 - core.machine.faults.enomem <= most


def test_the_same_seed_makes_the_same_executions_and_another_one_others() -> None:
    def choices(seed: int) -> list[list[int]]:
        return [core.choices for core in executed(allocating("one", "two"), Faults(seed), 40)]

    assert choices(1) == choices(1)
    assert choices(1) != choices(2)


# The rest -----------------------------------------------------------------------------------------


def test_the_calm_order_ends_where_somebody_spins() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def spin() -> None:
            while not await cell.load():
                pass

        async def load() -> None:
            await cell.load()

        async def store() -> None:
            await cell.store(1)

        for task in (spin, load, spin, store):
            machine.task(f"t{len(machine.actors)}", task)

    (core,) = executed(program_of(build, Sizes(cpus=4, enomem=1)), Faults(), 1, max_steps=2_000)
    assert core.stopped == "ended"


def test_without_faults_the_first_execution_is_the_calm_one() -> None:
    program = allocating("one", "two", times=3)
    assert executed(program, Faults(), 1)[0].choices == executed(program, Calm(), 1)[0].choices


def test_no_more_sites_and_plans_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 3)
    monkeypatch.setattr(module, "ROOM_PLANS", 5)
    strategy = Faults(0, most=2)
    executed(allocating("one", "two", "three", times=3, enomem=3), strategy, 60)
    assert strategy.sites == Sites(3, 3)
    monkeypatch.setattr(module, "ROOM", 100)
    strategy = Faults(0, most=2)
    executed(allocating("one", "two", "three", times=3, enomem=3), strategy, 60)
    assert len(strategy._planned) == 5


def test_a_portfolio_knows_the_sites_of_its_member() -> None:
    assert sites_of(Portfolio([Calm(), Faults()])) == Sites(0, 0)
    assert sites_of(Faults()) == Sites(0, 0)
    assert sites_of(Calm()) is sites_of(Portfolio([Calm()])) is None
