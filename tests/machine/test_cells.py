"""Litmus tests of cells, in all interleavings."""

from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.errors import KernelError, ScenarioError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.values import RELATIONS
from tests.harness import all_executions, execute, interleavings, outcomes


def two(machine: Machine, first: Any, second: Any) -> None:
    machine.task("a", first, cpu=0)
    machine.task("b", second, cpu=1)


def test_two_increments_by_load_and_store_may_lose_one() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")

        async def increment() -> None:
            await cell.store(await cell.load() + 1)

        two(machine, increment, increment)
        return lambda: cell.value

    counts = outcomes(build)
    assert set(counts) == {1, 2}
    assert counts[2] == 2  # one after the other
    assert counts.total() == interleavings(2, 2)


def test_two_atomic_increments_lose_none_and_tell_the_new_value() -> None:
    def build(machine: Machine) -> Any:
        counter = machine.counter("n")
        got = []

        async def increment() -> None:
            got.append(await counter.add(1))

        two(machine, increment, increment)
        return lambda: (counter.value, tuple(got))

    assert set(outcomes(build)) == {(2, (1, 2))}


def test_store_buffering_cannot_be_seen_cells_are_sequentially_consistent() -> None:
    def build(machine: Machine) -> Any:
        x, y = machine.cell("x"), machine.cell("y")
        seen = {}

        async def first() -> None:
            await x.store(1)
            seen["a"] = await y.load()

        async def second() -> None:
            await y.store(1)
            seen["b"] = await x.load()

        two(machine, first, second)
        return lambda: (seen["a"], seen["b"])

    assert set(outcomes(build)) == {(0, 1), (1, 0), (1, 1)}


def test_message_passing_never_shows_the_flag_without_the_data() -> None:
    def build(machine: Machine) -> Any:
        data, flag = machine.cell("data"), machine.cell("flag")
        seen = []

        async def write() -> None:
            await data.store(1)
            await flag.store(1)

        async def read() -> None:
            seen.append((await flag.load(), await data.load()))

        two(machine, write, read)
        return lambda: seen[0]

    assert set(outcomes(build)) == {(0, 0), (0, 1), (1, 1)}


def test_independent_readers_agree_on_the_order_of_two_writes() -> None:
    def build(machine: Machine) -> Any:
        x, y = machine.cell("x"), machine.cell("y")
        seen = {}

        async def read(name: str, first: Any, second: Any) -> None:
            seen[name] = (await first.load(), await second.load())

        machine.task("x", _store, x)
        machine.task("y", _store, y, cpu=1)
        machine.task("xy", read, "xy", x, y)
        machine.task("yx", read, "yx", y, x, cpu=1)
        return lambda: (seen["xy"], seen["yx"])

    assert ((1, 0), (1, 0)) not in outcomes(build)


async def _store(cell: Any) -> None:
    await cell.store(1)


def test_exchange_gives_one_token_to_one_taker() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("token", "token")
        got = []

        async def take() -> None:
            got.append(await cell.exchange(""))

        two(machine, take, take)
        return lambda: tuple(sorted(got))

    assert set(outcomes(build)) == {("", "token")}


def test_compare_exchange_succeeds_for_exactly_one_of_two() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")
        won = {}

        async def claim(name: str) -> None:
            won[name] = await cell.compare_exchange(0, name)

        machine.task("a", claim, "a")
        machine.task("b", claim, "b", cpu=1)
        return lambda: (cell.value, won["a"], won["b"])

    assert set(outcomes(build)) == {("a", True, False), ("b", False, True)}


def test_true_and_one_are_different_values_to_store() -> None:
    cell = Machine().cell("c")
    one: Any = cell.store(1)
    true: Any = cell.store(True)
    assert one.value is not true.value
    assert cell.store(1) is cell.store(1)  # a loop makes no garbage


def test_a_cell_keeps_only_so_many_ops() -> None:
    cell = Machine().cell("c")
    for value in range(100):
        op: Any = cell.store(value)
        assert op.value == value
    assert len(cell.stores) == 64


@pytest.mark.parametrize("relation", sorted(RELATIONS))
def test_a_wait_ends_exactly_when_its_relation_holds(relation: str) -> None:
    for value in (0, 1, 2):

        def build(machine: Machine, value: int = value) -> Any:
            cell = machine.cell("c", value)

            async def wait() -> None:
                assert await cell.wait(relation, 1) == value

            machine.task("a", wait)

        expected = "ended" if RELATIONS[relation](value, 1) else "deadlock"
        assert execute(build).stopped == expected


def test_an_unknown_relation_is_refused_with_the_list_of_those_known() -> None:
    with pytest.raises(ValueError, match="relation must be one of == != < <= > >=, not '=<'"):
        Machine().cell("c").wait("=<", 1)


def test_who_waits_goes_on_when_the_value_comes_and_may_miss_it_when_it_goes() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")

        async def pulse() -> None:
            await cell.store(1)
            await cell.store(0)

        async def wait() -> None:
            await cell.wait("==", 1)

        two(machine, pulse, wait)

    assert {ran.stopped for ran in all_executions(build)} == {"ended", "deadlock"}


def interruptible(machine: Machine) -> Any:
    cell = machine.cell("c")
    said = []

    async def wait() -> None:
        try:
            said.append(await cell.wait("==", 1, interruptible=True))
        except KernelError as error:
            said.append(error.errno)

    two(machine, wait, lambda: _store(cell))
    return lambda: tuple(said)


def test_an_interruptible_wait_fails_with_eintr_as_often_as_the_budget_says() -> None:
    assert set(outcomes(interruptible)) == {(1,)}
    counts = outcomes(interruptible, sizes=Sizes(eintr=1))
    assert set(counts) == {(1,), ("EINTR",)}


def test_a_wait_that_is_not_interruptible_is_never_interrupted() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")
        said = []

        async def wait() -> None:
            said.append(await cell.wait("==", 1))

        two(machine, wait, lambda: _store(cell))
        return lambda: tuple(said)

    assert set(outcomes(build, sizes=Sizes(eintr=2))) == {(1,)}


def test_a_kill_interrupts_an_interruptible_wait_for_good() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")
        said = []

        async def wait() -> None:
            for _ in range(2):
                try:
                    await cell.wait("==", 1, interruptible=True)
                except KernelError as error:
                    said.append(error.errno)

        async def work() -> None:
            await cell.load()

        machine.task("user", wait, user=True)
        machine.task("other", work, cpu=1)
        return lambda: tuple(said)

    assert set(outcomes(build, sizes=Sizes(kills=1))) == {(), ("EINTR", "EINTR")}


def test_ops_say_what_they_do() -> None:
    cell = Machine().cell("c", "v")
    ops = [
        cell.load(), cell.store("w"), cell.exchange(1), cell.add(2), cell.compare_exchange(0, 1),
        cell.wait("!=", 0), cell.wait("<", 3, interruptible=True),
    ]  # fmt: skip
    assert [op.describe() for op in ops] == [
        "load c", "store c 'w'", "exchange c 1", "add c 2", "cmpxchg c 0 to 1", "wait c != 0", "wait c < 3",
    ]  # fmt: skip


def test_values_that_cannot_be_added_or_compared_are_a_mistake_of_the_scenario() -> None:
    def build(machine: Machine, what: str) -> None:
        word = machine.counter("word", "x")  # type: ignore[arg-type]

        async def work() -> None:
            await (word.add(1) if what == "add" else word.wait("<", 1))

        machine.task("work", work)

    with pytest.raises(ScenarioError, match="work adds 1 to word, which holds 'x': add takes numbers"):
        execute(lambda machine: build(machine, "add"))
    with pytest.raises(ScenarioError, match="work waits until word < 1, and it holds 'x': values of these kinds"):
        execute(lambda machine: build(machine, "wait"))
