from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dmabuf_async.explore.execution import Execution, execute
from dmabuf_async.explore.reordering import doings, places, reordered
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.base import Strategy
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.reordered import Hold, Place, Reordered
from dmabuf_async.trace.events import Event


def two(machine: Any) -> None:
    cells = [machine.cell(name) for name in "xyz"]

    async def work() -> None:
        for cell in cells:
            await cell.exchange(1)

    machine.task("a", work)
    machine.task("b", work)


def done(program: Program, strategy: Strategy) -> Execution:
    made = execute(program, strategy)
    assert made is not None
    return made


def held(events: Sequence[Event], first: Place, second: Place) -> Hold:
    """The op at ``first`` waits for the one at ``second``."""
    at = [one.place for one in places(events)].index(second)
    return Hold(first, second, events[at].kind, list(doings(events))[at])


def order(execution: Execution | None) -> str:
    assert execution is not None
    return "".join(event.actor for event in execution.trace.events)


@pytest.mark.parametrize("name", ["mmap/zap-after-move", "memory/enomem-ignored", "cache/prefetch-during-dma"])
def test_with_nothing_held_back_it_is_the_same_execution_faults_included(name: str) -> None:
    program = catalogue.load(f"scenarios/{name}.toml")
    for seed in range(30):
        walked = done(program, RandomWalk(seed))
        again = reordered(program, Reordered(list(places(walked.trace.events))))
        assert again is not None
        assert again.choices == walked.choices


def test_what_is_held_back_comes_after_and_the_rest_as_it_was() -> None:
    program = from_function(two)
    calm = done(program, Calm())
    events = calm.trace.events
    assert order(calm) == "aaabbb"
    turned = reordered(
        program, Reordered(list(places(calm.trace.events)), [held(events, Place("a", 1), Place("b", 0))])
    )
    assert order(turned) == "abaabb"
    turned = reordered(
        program, Reordered(list(places(calm.trace.events)), [held(events, Place("a", 2), Place("b", 2))])
    )
    assert order(turned) == "aabbba"


def test_what_can_not_come_the_other_way_round_is_no_execution() -> None:
    def waits(machine: Any) -> None:
        flags = machine.cell("one"), machine.cell("other")

        async def gives(flag: Any) -> None:
            await flag.store_release(1)

        async def takes() -> None:
            for flag in flags:
                await flag.wait("==", 1)

        machine.task("a", gives, flags[0])
        machine.task("b", gives, flags[1])
        machine.task("c", takes)

    program = from_function(waits)
    events = done(program, Calm()).trace.events
    recorded = list(places(events))
    holds = [held(events, Place("a", 0), Place("c", 0)), held(events, Place("b", 0), Place("c", 1))]
    assert reordered(program, Reordered(recorded, holds)) is None
    assert order(reordered(program, Reordered(recorded, holds[1:]))) == "acbc", "the only op there is nobody can hold"


def test_a_fault_can_be_left_out() -> None:
    program = catalogue.load("scenarios/memory/enomem-ignored.toml")
    failed = next(one for seed in range(50) if (one := done(program, RandomWalk(seed))).primary)
    at = next(one.place for one in places(failed.trace.events) if one.fault)
    calmed = reordered(program, Reordered(list(places(failed.trace.events)), calmed=[at]))
    assert calmed is not None
    assert not any(event.fault for event in calmed.trace.events)
    assert not calmed.primary


def test_what_its_partner_does_may_stand_elsewhere_by_then() -> None:
    """b takes another way, by one step less, when it comes before a; what it does in the end is the same."""

    def shorter(machine: Any) -> None:
        x, y = machine.cell("x"), machine.cell("y")

        async def first() -> None:
            await x.exchange(1)
            await y.exchange(1)

        async def second() -> None:
            if await x.exchange(2):
                await x.exchange(3)
            await y.exchange(4)

        machine.task("a", first)
        machine.task("b", second)

    program = from_function(shorter)
    calm = done(program, Calm())
    assert order(calm) == "aabbb"
    hold = held(calm.trace.events, Place("a", 0), Place("b", 2))
    turned = reordered(program, Reordered(list(places(calm.trace.events)), [hold]))
    assert order(turned) == "bbaa"
