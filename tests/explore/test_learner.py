"""A node's key tells all that decides what follows: each part of it, where only that part tells two points apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.cells import Store
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import settle
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.random_walk import RandomWalk

pytestmark = pytest.mark.unaudited  # audited executions are all made


class Executed(RandomWalk):
    """The same answers, but nothing derived from RandomWalk is known."""


def check_law(build: Callable[[Machine], object], sizes: Sizes | None = None, **options: Any) -> None:
    program = replace(from_function(build), reusable=True, sizes=sizes or Sizes())
    for seed in range(5):
        ours, others = (
            replace(perform(fuzz(program, strategy, executions=200, **options)), seconds=0.0)
            for strategy in (RandomWalk(seed), Executed(seed))
        )
        assert ours == others


async def some(thing: Any, times: int) -> None:
    for _ in range(times):
        await thing.load()


def test_where_each_actor_is_tells_points_apart() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")
        machine.task("one", some, cell, 1)
        machine.task("two", some, cell, 4)

    check_law(build)


def test_the_state_of_the_machine_tells_points_apart() -> None:
    check_law(_last_store_decides(1, 2))


def test_values_whose_hashes_are_equal_tell_points_apart() -> None:
    assert hash(-1) == hash(-2)
    check_law(_last_store_decides(-1, -2))


def _last_store_decides(first: int, second: int) -> Callable[[Machine], object]:
    def build(machine: Machine) -> None:
        cell, done = machine.cell("c"), machine.counter("done")

        async def write(value: int) -> None:
            await cell.store(value)
            await done.add(1)

        async def read() -> None:
            await done.wait("==", 2)
            if await cell.load() == first:
                await some(cell, 5)

        machine.task("first", write, first)
        machine.task("second", write, second)
        machine.task("read", read)
        machine.task("bystander", some, machine.cell("other"), 8)

    return build


def test_who_made_the_latest_step_tells_points_apart() -> None:
    def build(machine: Machine) -> None:
        cell, turn = machine.cell("c"), machine.counter("turn")

        async def work(more: int) -> None:
            await cell.load()
            if await turn.add(1) == 1:
                await some(cell, more)

        machine.task("one", work, 0)
        machine.task("two", work, 6)

    check_law(build)


def test_who_made_the_latest_step_tells_points_apart_even_if_it_sleeps_by_now() -> None:
    def build(machine: Machine) -> None:
        turn = machine.counter("turn")

        async def work(more: int) -> None:
            await machine.clock.sleep(2)
            if await turn.add(1) == 1:
                await some(turn, more)

        machine.task("one", work, 0)
        machine.task("two", work, 6)
        machine.task("bystander", some, machine.cell("other"), 2)

    check_law(build)


def test_whose_op_may_fail_tells_points_apart() -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("b")

        async def work(more: int) -> None:
            try:
                place = await machine.zones["ram"].alloc(buffer.pages[0])
            except Exception:  # noqa: BLE001 - whatever it is
                return
            await some(buffer.pages[0].look(), 0)
            for _ in range(more):
                await buffer.pages[0].look()
            await machine.zones["ram"].release(place)

        machine.task("one", work, 0)
        machine.task("two", work, 6)

    check_law(build, Sizes(enomem=1), checkers=())


def test_an_actor_that_raised_is_told_from_one_that_still_stands_there() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c", 1)

        async def breaks() -> None:
            await cell.load()
            assert await cell.load() != 1

        machine.task("breaks", breaks)
        for number in range(2):
            machine.task(f"bystander{number}", some, cell, 3)

    check_law(build)
    check_law(build, checkers=())


class Noted(Store):
    """A store that notes for checkers that it was made; the noted bits are no part of the state."""

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.past |= self.value


class Past(Checker):
    """Finds a store of 4 that comes after one of 2."""

    codes = ("data-race",)
    ops = (Noted,)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        return Found("data-race", "", "2, then 4", actor) if op.value == 4 and op.thing.past & 2 else None


def test_what_checkers_remember_tells_points_apart() -> None:
    def build(machine: Machine) -> None:
        cell, flagged = machine.cell("c"), machine.cell("flag")

        async def work(*values: int) -> None:
            for value in values:
                await Noted(cell, value)

        async def maybe() -> None:
            if await flagged.load():
                await Noted(cell, 2)
            else:
                await cell.load()
            await settle("either way", "on")
            await cell.load()

        async def flag() -> None:
            await flagged.store(1)

        machine.task("maybe", maybe)
        machine.task("flag", flag)
        machine.task("work", work, 1, 4)

    check_law(build, checkers=(Past(),))


def test_a_point_is_told_from_one_where_something_was_found() -> None:
    def build(machine: Machine) -> None:
        mutex, cell = machine.mutex("m"), machine.cell("c")

        async def work() -> None:
            if await cell.load():
                await mutex.unlock()  # which nobody holds
            else:
                await cell.load()
            await cell.load()

        async def write() -> None:
            await cell.store(1)
            await cell.store(0)

        machine.task("one", work)
        machine.task("two", work)
        machine.task("write", write)

    check_law(build)
