"""The reference itself: counts that are known, and what its classes must have in common with executions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import pytest

from benchmarks.textbook import own_stores, writers
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.tasks import Group
from tests.brute import Class, Everything, brute, program_of
from tests.effort import seeds
from tests.generated import program, spec_of
from tests.harness import interleavings

Build = Callable[[Machine], object]

pytestmark = pytest.mark.unaudited  # they are many


def everything(build: Build, **options: Any) -> Everything:
    found = brute(build, **options)
    assert found is not None
    return found


def crossed(machine: Machine) -> None:
    """Two locks, taken in both orders."""
    one, other = machine.mutex("m"), machine.mutex("k")

    async def both(first: Any, second: Any) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    machine.task("a", both, one, other)
    machine.task("b", both, other, one)


def test_independent_writers_have_one_class_and_the_states_of_a_grid() -> None:
    found = everything(partial(own_stores, n=3, stores=2))
    assert (found.executions, len(found.classes), len(found.states)) == (interleavings(2, 2, 2), 1, 27)


def test_a_deadlock_is_a_class_of_its_own() -> None:
    found = everything(crossed, checkers=CHECKERS)
    deadlocks = [each for each in found.classes if each.stopped == "deadlock"]
    assert (len(found.classes), len(deadlocks)) == (3, 1)
    assert found.stopped["deadlock"] == 2
    assert "deadlock" in {signature.code for signature in found.findings}


def test_a_program_with_more_executions_than_the_limit_is_given_up() -> None:
    assert brute(partial(writers, n=5), limit=119) is None
    assert everything(partial(writers, n=5), limit=120).executions == 120


def test_the_order_of_spawns_shows_in_a_class_but_makes_none() -> None:
    def build(machine: Machine) -> None:
        cells = [machine.cell(name) for name in "xy"]

        async def load(cell: Any) -> None:
            await cell.load()

        async def main() -> None:
            async with Group() as group:
                for cell in cells:
                    await group.spawn(load, cell)

        machine.task("main", main)

    found = everything(build)
    (only,) = found.classes
    events = dict(only.actors)
    assert events[0, 0][0].past == (2, 1, 0)  # open, spawn; not the spawn of its sibling
    assert events[0, 1][0].past == (3, 0, 1)
    assert [event.past for event in events[(0,)]][3:] == [(4, 1, 1), (5, 1, 1)]  # join, close


def test_a_story_is_one_execution() -> None:
    (only,) = everything(partial(own_stores, n=2, stores=1)).classes
    assert only.story() == "(0,) store x0 1\n(1,) store x1 1\nended"


def test_a_kill_may_come_anywhere_and_need_not_come_and_matters_to_who_looks_only() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("x")

        async def work() -> None:
            await cell.load()
            await cell.load()

        machine.task("process", work, user=True)

    found = everything(program_of(build, Sizes(kills=1)))  # type: ignore[arg-type]
    assert found.executions == 3
    assert len(found.classes) == 2


# What classes have in common with executions ----------------------------------------------


def linear_extensions(found: Class) -> int:
    """In how many orders the steps of a class could be made."""
    pasts = [[event.past for event in events] for _, events in found.actors]

    @cache
    def count(done: tuple[int, ...]) -> int:
        total, over = 0, True
        for number, events in enumerate(pasts):
            if done[number] < len(events):
                over = False
                after = (*done[:number], done[number] + 1, *done[number + 1 :])
                if all(before <= made for before, made in zip(events[done[number]], after, strict=True)):
                    total += count(after)
        return total or int(over)

    return count((0,) * len(pasts))


@pytest.mark.parametrize("seed", seeds(60, 20))
def test_each_order_of_the_steps_of_a_class_is_one_of_its_executions(seed: int) -> None:
    found = brute(program(seed), limit=500)
    if found is None:
        return
    sizes = spec_of(seed).sizes
    for each, executions in found.classes.items():
        extensions = linear_extensions(each)
        if sizes.kills or sizes.eintr:  # nothing is asked of the environment once all is over
            assert executions <= extensions, each.story()
        else:
            assert executions == extensions, each.story()


@pytest.mark.parametrize("seed", seeds(60, 20))
def test_all_executions_of_a_class_come_to_the_same(seed: int) -> None:
    found = brute(program(seed), checkers=CHECKERS, limit=500)
    if found is not None:
        for each, shown in found.shown.items():
            assert len(shown) == 1, each.story()
