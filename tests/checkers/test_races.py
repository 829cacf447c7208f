"""data-race: which pairs of accesses race (PROTOCOL 4)."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from dmabuf_async import check
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.machine import Machine
from tests.harness import codes, execute

PLAIN = {"load": (), "store": (1,)}
ORDERED: dict[str, tuple[Any, ...]] = {
    "load_acquire": (), "store_release": (1,), "exchange": (1,), "compare_exchange": (0, 1), "add": (1,),
}  # fmt: skip
READS = {"load", "load_acquire"}


def pair(one: str, other: str, *, counter: bool = False) -> set[str]:
    def build(machine: Machine) -> None:
        cell: Cell = machine.counter("c") if counter else machine.cell("c")

        async def work(verb: str) -> None:
            await getattr(cell, verb)(*(PLAIN | ORDERED)[verb])

        machine.task("a", work, one)
        machine.task("b", work, other, cpu=1)

    return codes(build)


@pytest.mark.parametrize(("one", "other"), list(product(PLAIN | ORDERED, repeat=2)))
def test_two_accesses_race_if_one_stores_and_one_is_plain(one: str, other: str) -> None:
    race = bool({one, other} & set(PLAIN)) and not {one, other} <= READS
    assert pair(one, other) == ({"data-race"} if race else set())


@pytest.mark.parametrize(("one", "other"), list(product(PLAIN | ORDERED, repeat=2)))
def test_a_counter_never_races(one: str, other: str) -> None:
    assert pair(one, other, counter=True) == set()


def test_it_is_told_at_the_second_access_with_whose_the_first_was() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def store() -> None:
            await cell.store(1)

        async def load() -> None:
            await cell.load()

        machine.task("a", store)
        machine.task("b", load, cpu=1)

    [after_store] = execute(build).findings
    assert (after_store.step, after_store.rule) == (2, "P7")
    assert after_store.message == "b loads c, which a has stored to, and nothing orders the two"
    [after_load] = execute(build, [1]).findings
    assert after_load.message == "a stores to c, which b has loaded, and nothing orders the two"


def test_what_was_ordered_stays_so_when_others_read_in_between() -> None:
    def build(machine: Machine) -> None:
        cell, turn = machine.cell("c"), machine.cell("turn")

        async def work(number: int) -> None:
            await turn.wait("==", number)
            for _ in range(3):
                await cell.load()
            await turn.store_release(number + 1)

        async def last() -> None:
            await turn.wait("==", 3)
            await cell.store(1)

        for number in range(3):
            machine.task(f"t{number}", work, number, cpu=number % 2)
        machine.task("last", last)

    assert codes(build) == set()


def test_an_access_after_a_release_is_not_covered_by_it() -> None:
    def build(machine: Machine) -> None:
        cell, flag = machine.cell("c"), machine.cell("flag")

        async def writer() -> None:
            await cell.store(1)
            await flag.store_release(1)
            await cell.load()

        async def reader() -> None:
            await flag.wait("==", 1)
            await cell.load()
            await cell.store(2)

        machine.task("writer", writer)
        machine.task("reader", reader, cpu=1)

    assert codes(build) == {"data-race"}


def test_an_access_after_a_plain_store_that_signals_is_not_covered_by_it() -> None:
    def build(machine: Machine) -> None:
        data, flag = machine.cell("data"), machine.cell("flag")

        async def writer() -> None:
            await flag.store(1)
            await data.store(1)

        async def reader() -> None:
            await flag.wait("==", 1)
            await data.load()

        machine.task("writer", writer)
        machine.task("reader", reader, cpu=1)

    assert execute(build).codes == ["data-race"]  # one after the other, as they stand


def test_an_acquire_comes_after_the_release_that_it_reads_and_no_earlier_one() -> None:
    def build(machine: Machine) -> None:
        data, flag = machine.cell("data"), machine.cell("flag")

        async def writer() -> None:
            await data.store(1)
            await flag.store_release(1)

        async def other() -> None:
            await flag.store_release(2)

        async def reader() -> None:
            if await flag.load_acquire() == 2:
                await data.load()

        machine.task("writer", writer)
        machine.task("other", other)
        machine.task("reader", reader, cpu=1)

    assert execute(build).codes == ["data-race"]  # one after the other, as they stand


def test_a_poll_remembers_no_more_than_one_load_an_actor() -> None:
    def build(machine: Machine) -> Any:
        cell, n = machine.cell("c"), machine.counter("n")

        async def poll() -> None:
            for _ in range(50):
                await cell.load()
                await n.add(1)

        machine.task("a", poll)
        machine.task("b", poll, cpu=1)
        return lambda: cell.loaded

    assert execute(build, [0, 1] * 100).observed.bit_count() <= 2


def test_an_ordered_store_that_comes_after_a_plain_access_does_not_hide_it_from_another() -> None:
    """Who finds the lock held comes after the store in time, and synchronises with nobody."""

    def build(machine: Machine) -> None:
        cell, loaded, lock = machine.cell("c"), machine.counter("loaded"), machine.mutex("lock")

        async def loads() -> None:
            await cell.load()
            await loaded.store(1)

        async def hands_on() -> None:
            await loaded.wait("==", 1)
            await cell.store_release(1)
            await lock.lock()
            await lock.unlock()

        async def looks() -> None:
            if await lock.try_lock():
                await lock.unlock()
            else:
                await cell.store_release(2)

        machine.task("loads", loads)
        machine.task("hands_on", hands_on)
        machine.task("looks", looks, cpu=1)

    verdict = check(build, "both")
    assert [failure.finding.code for failure in verdict.failures] == ["data-race"]
    assert verdict.failures[0].finding.message.startswith("looks stores, in order, to c, which loads has loaded")
