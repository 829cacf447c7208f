from __future__ import annotations

from random import Random

import pytest

from dmabuf_async.engine import ENGINES
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.guarding import GUARD_EVERY
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk
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
