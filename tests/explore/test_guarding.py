from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count, cycle
from random import Random
from time import perf_counter_ns

import pytest

from dmabuf_async.engine import ENGINES
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.checking import check
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.guarding import GUARD_EVERY, repeats
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from tests.brute import program_of

pytestmark = pytest.mark.unaudited  # the programs are not deterministic


def chancy(first: int = 0) -> Program:
    """A task throws dice of its own, from its ``first``-th life on, and nothing goes wrong."""
    dice, lives = Random(1), iter(range(1 << 30))  # noqa: S311 - no secret is made here

    def build(machine: Machine) -> None:
        counters = [machine.counter(name) for name in "xy"]

        async def throw() -> None:
            late = next(lives) >= first
            for _ in range(4):
                await counters[int(dice.random() * 2) if late else 0].add(1)

        async def look() -> None:
            for _ in range(9):
                await counters[0].load()

        machine.task("thrower", throw)
        machine.task("looker", look)

    return program_of(build)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_campaign_over_a_program_of_chance_is_ended(engine: str) -> None:
    with pytest.raises(ReplayDiverged, match=r"not deterministic: .* it offered thrower: add"):
        perform(fuzz(chancy(), RandomWalk(0), executions=20), engine)


def test_it_looks_again_as_the_campaign_goes_on() -> None:
    assert perform(fuzz(chancy(100), RandomWalk(0), executions=50), "asyncio").executions == 50
    with pytest.raises(ReplayDiverged):
        perform(fuzz(chancy(100), RandomWalk(0), executions=GUARD_EVERY + 1), "asyncio")


def test_what_it_makes_again_counts_for_nothing() -> None:
    def build(machine: Machine) -> None:
        lives.append(1)

        async def nothing() -> None:
            await machine.counter("x").load()

        machine.task("a", nothing)

    lives: list[int] = []
    assert perform(fuzz(program_of(build), RandomWalk(0), executions=10)).executions == 10


def after_preemption(value: Callable[[], object], *, cancels: bool = False) -> Program:
    """What ``value`` says is stored only if the other task has come between two steps, never in the calm execution."""

    def build(machine: Machine) -> None:
        x, y = machine.counter("x"), machine.counter("y")

        async def waits() -> None:
            await x.wait("==", 9)

        async def stores() -> None:
            await x.store(1)
            if await x.load() == 2:
                await y.store(value())

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(waits)
                await stores()
                await group.cancel()

        async def other() -> None:
            await x.store(2)
            await y.load()

        machine.task("one", parent if cancels else stores)
        machine.task("two", other, cpu=1)

    return program_of(build)


def coin() -> Callable[[], bool]:
    dice = Random(0)  # noqa: S311 - as above
    return lambda: dice.random() < 0.5


CHANCES: dict[str, Callable[[], Callable[[], object]]] = {
    "counter": lambda: count().__next__,
    "chance": lambda: Random(0).random,  # noqa: S311 - as above
    "coin": coin,
    "time": lambda: perf_counter_ns,
    "order": lambda: cycle(["ab", "ba"]).__next__,
}


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("chance", CHANCES)
@pytest.mark.parametrize("search", ["auto", "dpor", "graph", "both"])
def test_what_depends_on_chance_after_a_preemption_only_is_not_proved(search: str, chance: str, cancels: bool) -> None:
    program = after_preemption(CHANCES[chance](), cancels=cancels)
    with pytest.raises(ReplayDiverged, match=r"(?=.*is not deterministic: )(?=.*\bone\b).*store y"):
        check(program, search)


@pytest.mark.parametrize("chance", CHANCES)
def test_nor_is_it_within_bounds(chance: str) -> None:
    with pytest.raises(ReplayDiverged, match=r"(?=.*is not deterministic: )(?=.*\bone\b).*store y"):
        check(after_preemption(CHANCES[chance]()), preemptions=2)


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("search", ["auto", "dpor", "graph", "both"])
def test_what_depends_on_the_answers_alone_is_proved_all_the_same(search: str, cancels: bool) -> None:
    verdict = check(after_preemption(lambda: 3, cancels=cancels), search)
    assert (verdict.strength, verdict.failures) == ("exhaustive", ())


def test_a_campaign_makes_its_first_executions_again_if_a_task_may_be_any_python() -> None:
    with pytest.raises(ReplayDiverged, match=r"it made `one: store y \d+` as step \d, and not `one: store y \d+`"):
        perform(fuzz(after_preemption(count().__next__), RandomWalk(0), executions=20))


def test_how_often_an_execution_is_made_again_falls_with_their_number_and_their_length() -> None:
    file = replace(chancy(), reusable=True)
    told = {
        program: [(number, times) for number in range(1, 600) if (times := repeats(program, number, steps))]
        for program, steps in ((chancy(), 9), (file, 9))
    }
    assert list(told.values()) == [
        [*((number, 8) for number in range(1, 17)), (32, 2), (64, 2), (128, 2), (251, 2), (256, 2), (501, 2), (512, 2)],
        [(1, 2), (251, 2), (501, 2)],
    ]
    assert [number for number in range(1, 40) if repeats(chancy(), number, 201)] == [1, 2, 4, 8, 16, 32]
