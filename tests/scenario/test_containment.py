"""One machine serves for all executions of a Python program where its code shows that it may, and never elsewhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest

from benchmarks import sctbench, textbook
from benchmarks.programs import lock_load_store_unlock
from dmabuf_async import Group, Machine, check, from_function
from dmabuf_async.scenario.containment import contents

ELSEWHERE: list[int] = []
LIMIT = 3


class Kept:
    """An object of somebody's own."""

    seen = 0

    async def method(self) -> None:
        """Do nothing."""


def builds(*tasks: Any) -> Callable[[Machine], None]:
    """A program of these tasks, each a function that makes one of a cell."""

    def build(machine: Machine) -> None:
        cell = machine.cell("c")
        for number, make in enumerate(tasks):
            machine.task(f"t{number}", make(cell))

    return build


def made(build: Callable[[Machine], object]) -> object:
    machine = Machine()
    build(machine)
    machine.seal()
    return contents(machine)


def serves(build: Callable[[Machine], object]) -> bool:
    """Whether the second execution gets the machine of the first."""
    machines = from_function(build).machines()
    return machines() is machines()


CONTAINED: list[Callable[[Machine], object]] = [
    lock_load_store_unlock,
    textbook.lastzero,
    textbook.filesystem,
    textbook.philosophers,
    sctbench.account,
    sctbench.twostage,
]


@pytest.mark.parametrize("build", CONTAINED)
def test_a_program_of_ops_and_constants_gets_the_same_machine_again(build: Callable[[Machine], object]) -> None:
    assert serves(build)


def test_helpers_children_constants_and_clocks_are_looked_into() -> None:
    async def twice(cell: Any, amount: int = 2) -> None:
        for _ in range(min(amount, LIMIT)):
            await cell.add(1)

    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def main() -> None:
            found: list[int] = []
            async with Group() as group:
                await group.spawn(twice, cell)
                await machine.clock.sleep(1)
            assert await cell.load() == 2, f"{cell.name} {found}"

        machine.task("main", main)

    # pytest writes asserts anew, with a module of its own in them: it is the task of another that has one.
    machine = Machine()
    build(machine)
    assert "@pytest_ar" in machine.actors[0].function.__code__.co_names
    assert not serves(build)

    def plainly(machine: Machine) -> None:
        cell = machine.cell("c")

        async def main() -> None:
            async with Group() as group:
                await group.spawn(twice, cell)
                await machine.clock.sleep(1)

        machine.task("main", main)

    assert serves(plainly)


def appends(cell: Any) -> Any:
    seen: list[int] = []

    async def task() -> None:
        seen.append(await cell.load())

    return task


def counts(cell: Any) -> Any:
    number = 0

    async def task() -> None:
        nonlocal number
        number += 1
        await cell.store(number)

    return task


def puts(cell: Any) -> Any:
    seen = {0: 0}

    async def task() -> None:
        seen[0] = await cell.load()

    return task


def looks_past_the_ops(cell: Any) -> Any:
    async def task() -> None:
        await cell.store(cell.value + 1)

    return task


def draws(cell: Any) -> Any:
    async def task() -> None:
        await cell.store(random.randrange(2))  # noqa: S311

    return task


def imports(cell: Any) -> Any:
    async def task() -> None:
        import time

        await cell.store(int(time.time()))

    return task


def has_a_list_of_the_module(cell: Any) -> Any:
    async def task() -> None:
        await cell.store(len(ELSEWHERE))

    return task


def asks_who_it_is(cell: Any) -> Any:
    async def task() -> None:
        await cell.store(id(cell) % 2)

    return task


def has_an_object(cell: Any) -> Any:
    kept = Kept()

    async def task() -> None:
        await cell.store(kept is not None)

    return task


def is_a_method(cell: Any) -> Any:
    return Kept().method


def calls_one_that_appends(cell: Any) -> Any:
    helper = appends(cell)

    async def task() -> None:
        await helper()

    return task


def is_one_of_ours_around_one_of_theirs(cell: Any) -> Any:
    task = appends(cell)
    task.__module__ = "dmabuf_async.pytest_plugin"
    return task


def has_a_list_for_all_calls(cell: Any) -> Any:
    async def task(seen: list[int] = []) -> None:  # noqa: B006
        await cell.store(len(seen))

    return task


def has_lists_of_lists(cell: Any) -> Any:
    lists: list[list[int]] = [[]]

    async def task() -> None:
        mine = lists[0]
        mine += [1]
        await cell.store(len(mine))

    return task


def is_partial(cell: Any) -> Any:
    return partial(appends(cell))


def has_an_inner_function_that_counts(cell: Any) -> Any:
    number = 0

    async def task() -> None:
        def more() -> int:
            nonlocal number
            number += 1
            return number

        await cell.store(more())

    return task


def changes_its_list_by_another_name(cell: Any) -> Any:
    seen: list[int] = []

    async def task() -> None:
        mine = seen
        mine += [await cell.load()]
        await cell.store(len(mine))

    return task


def makes_its_dict_larger(cell: Any) -> Any:
    seen: dict[int, int] = {}

    async def put(where: dict[int, int]) -> None:
        where |= {await cell.load(): 1}

    async def task() -> None:
        await put(seen)
        await cell.store(len(seen))

    return task


OPEN = [
    appends, counts, puts, looks_past_the_ops, draws, imports, has_a_list_of_the_module, asks_who_it_is, has_an_object,
    is_a_method, calls_one_that_appends, is_one_of_ours_around_one_of_theirs,
    has_a_list_for_all_calls, has_lists_of_lists, is_partial,
    has_an_inner_function_that_counts, changes_its_list_by_another_name, makes_its_dict_larger,
]  # fmt: skip


@pytest.mark.parametrize("make", OPEN)
def test_whoever_keeps_or_asks_for_anything_else_gets_a_machine_of_its_own(make: Callable[[Any], Any]) -> None:
    assert made(builds(make)) is None
    assert not serves(builds(make))


async def extends(_cell: Any, found: Any) -> None:
    found += [1]


async def doubles(_cell: Any, found: Any) -> None:
    found *= 2


async def extends_all(_cell: Any, *found: Any) -> None:
    for one in found:
        one += one  # noqa: PLW2901 - that it changes what it loops over is what is tested


async def sums(cell: Any, found: Any) -> None:
    total = 0
    for one in found:
        total += one
        total += await cell.load()
    amount = await cell.load()
    amount += 1
    amount -= total


@pytest.mark.parametrize(("task", "is_open"), [
    (extends, True), (doubles, True), (extends_all, True), (sums, False),
])  # fmt: skip
def test_an_operator_that_may_change_a_list_is_told_from_one_that_counts(task: Any, is_open: bool) -> None:
    def build(machine: Machine) -> None:
        machine.task("t", task, machine.cell("c"), [1])

    assert (made(build) is None) == is_open


def test_a_program_that_is_built_otherwise_each_time_is_never_kept() -> None:
    numbers = count()

    def constants(machine: Machine) -> None:
        cell, number = machine.cell("c"), next(numbers)

        async def task() -> None:
            await cell.store(number)

        machine.task("t", task)

    def values(machine: Machine) -> None:
        machine.cell("c", next(numbers))

        async def task() -> None:
            pass

        machine.task("t", task)

    for build in (constants, values):
        assert made(build) is not None
        assert not serves(build)


@pytest.mark.parametrize("build", CONTAINED[:2])
def test_a_kept_machine_shows_the_same(build: Callable[[Machine], object], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = check(build, "dpor")
    monkeypatch.setattr("dmabuf_async.scenario.program._is_contained", lambda *_: False)
    anew = check(build, "dpor")
    assert kept.executions == anew.executions > 1
    assert kept.extent == anew.extent
