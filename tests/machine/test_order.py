"""Synchronisation order: what comes before what, edge by edge; anything else is a data race."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.order import LANES, Events
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.protocol.rfc2012 import get_backing_storage, kmap, kunmap, put_backing_storage
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from tests.harness import codes, execute

Half = Callable[[Machine], Any]
"""An async function that passes something on, or gets it."""


def handed(machine: Machine, give: Half, take: Half, *, cpu: int = 1) -> None:
    """One task stores to a plain cell and passes that on; another gets it and reads."""
    data = machine.cell("data")

    async def giver() -> None:
        await data.store(1)
        await give(machine)

    async def taker() -> None:
        await take(machine)
        await data.load()

    machine.task("giver", giver)
    machine.task("taker", taker, cpu=cpu)


def of(name: str, verb: str, *arguments: Any) -> Half:
    async def half(machine: Machine) -> None:
        await getattr(machine.things[name], verb)(*arguments)

    return half


def then(*halves: Half) -> Half:
    async def half(machine: Machine) -> None:
        for one in halves:
            await one(machine)

    return half


def races(give: Half, take: Half, **more: Any) -> bool:
    """Whether the two race in any interleaving in which the taker has waited for the giver."""

    def build(machine: Machine) -> None:
        for name in ("gate", "c"):
            machine.cell(name)
        machine.counter("n")
        machine.mutex("m")
        machine.spinlock("s")
        machine.rwsem("r")
        handed(machine, give, take, **more)

    return "data-race" in codes(build)


ORDERED = {
    "release to acquire by wait": (of("cell gate", "store_release", 1), of("cell gate", "wait", "==", 1)),
    "a plain store that ends a wait": (of("cell gate", "store", 1), of("cell gate", "wait", "==", 1)),
    "an atomic op and a wait": (of("cell gate", "add", 1), of("cell gate", "wait", "==", 1)),
    "a counter and a wait": (of("counter n", "add", 1), of("counter n", "wait", "==", 1)),
}


@pytest.mark.parametrize("name", ORDERED)
def test_whoever_has_waited_comes_after_the_signal(name: str) -> None:
    give, take = ORDERED[name]
    assert not races(give, take)
    assert races(give, then())


LOCKS = {
    "mutex": (of("mutex m", "lock"), of("mutex m", "unlock")),
    "spinlock": (of("spinlock s", "lock"), of("spinlock s", "unlock")),
    "irqsave": (of("spinlock s", "lock_irqsave"), of("spinlock s", "unlock_irqrestore")),
    "writer and writer": (of("rwsem r", "down_write"), of("rwsem r", "up_write")),
}


@pytest.mark.parametrize("name", LOCKS)
def test_an_unlock_comes_before_the_next_lock(name: str) -> None:
    def build(machine: Machine) -> None:
        machine.mutex("m")
        machine.spinlock("s")
        machine.rwsem("r")
        data = machine.cell("data")
        take, give = LOCKS[name]

        async def work() -> None:
            await take(machine)
            await data.store(await data.load() + 1)
            await give(machine)

        machine.task("one", work)
        machine.task("two", work, cpu=1)

    assert codes(build) == set()


def test_a_lock_that_one_of_them_does_not_take_orders_nothing() -> None:
    def build(machine: Machine) -> None:
        mutex, data = machine.mutex("m"), machine.cell("data")

        async def one() -> None:
            await mutex.lock()
            await data.store(1)
            await mutex.unlock()

        async def two() -> None:
            await data.load()

        machine.task("one", one)
        machine.task("two", two, cpu=1)

    assert codes(build) == {"data-race"}


def test_a_reader_comes_after_the_writer_before_it_and_the_next_writer_after_the_reader() -> None:
    def build(machine: Machine) -> None:
        sem, data = machine.rwsem("r"), machine.cell("data")

        async def write() -> None:
            await sem.down_write()
            await data.store(1)
            await sem.up_write()

        async def read() -> None:
            await sem.down_read()
            await data.load()
            await sem.up_read()

        machine.task("w", write)
        machine.task("r", read, cpu=1)
        machine.task("v", write, cpu=1)

    assert codes(build) == set()


def test_two_readers_are_not_ordered_by_their_lock_while_both_hold_it() -> None:
    def build(machine: Machine) -> None:
        sem, data = machine.rwsem("r"), machine.cell("data")

        async def work() -> None:
            await sem.down_read()
            await data.store(1)
            await sem.up_read()

        machine.task("a", work)
        machine.task("b", work, cpu=1)

    assert codes(build) == {"data-race"}


def test_a_try_lock_that_fails_orders_nothing() -> None:
    def build(machine: Machine) -> None:
        mutex, data = machine.mutex("m"), machine.cell("data")

        async def one() -> None:
            await mutex.lock()
            await data.store(1)
            await mutex.unlock()

        async def two() -> None:
            if await mutex.try_lock():
                await mutex.unlock()
            else:
                await data.load()

        machine.task("one", one)
        machine.task("two", two, cpu=1)

    assert codes(build) == {"data-race"}


def test_a_child_comes_after_what_its_parent_did_before_and_the_join_after_the_child() -> None:
    def build(machine: Machine, *, meanwhile: bool) -> None:
        data = machine.cell("data")

        async def child() -> None:
            await data.store(await data.load() + 1)

        async def parent() -> None:
            await data.store(1)
            async with Group() as group:
                await group.spawn(child)
                if meanwhile:
                    await data.load()
            await data.store(2)

        machine.task("parent", parent)

    assert codes(lambda machine: build(machine, meanwhile=False)) == set()
    assert codes(lambda machine: build(machine, meanwhile=True)) == {"data-race"}


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("asks", [False, True])
def test_the_answer_to_an_ipi_comes_after_all_that_was_done_on_that_cpu(asks: bool, ended: bool) -> None:
    def build(machine: Machine) -> None:
        data, other = machine.cell("data"), machine.counter("other")

        async def there() -> None:
            await data.store(1)
            if not ended:
                await other.add(1)

        async def here() -> None:
            if asks:
                await machine.cpus[1].smp_call_function()
            await data.load()

        machine.task("there", there, cpu=1)
        machine.task("here", here, cpu=0)

    # The store comes first; where the IPI does, they race all the same.
    assert execute(build, [0, 1, 0]).codes == ([] if asks else ["data-race"])


def test_a_slot_that_is_given_back_comes_before_its_taking() -> None:
    def build(zone: str) -> Any:
        def furnish(machine: Machine) -> None:
            buffer, data, first = machine.buffer("b", 2), machine.cell("data"), machine.cell("first")
            StaticExporter(machine, buffer, zone)

            async def one() -> None:
                await get_backing_storage(buffer)
                mapping = await kmap(buffer, 0)
                await first.store_release(1)
                await data.store(1)
                await kunmap(mapping)
                await put_backing_storage(buffer)

            async def two() -> None:
                await get_backing_storage(buffer)
                await first.wait("==", 1)
                mapping = await kmap(buffer, 1)
                await data.load()
                await kunmap(mapping)
                await put_backing_storage(buffer)

            machine.task("one", one)
            machine.task("two", two, cpu=1)

        return furnish

    sizes = Sizes(highmem=2, kmap_slots=1, words=1)
    high = {code for seed in range(40) for code in execute(build("high"), RandomWalk(seed), sizes=sizes).codes}
    low = {code for seed in range(40) for code in execute(build("ram"), RandomWalk(seed), sizes=sizes).codes}
    assert (high, low) == (set(), {"data-race"})


def test_time_orders_nothing() -> None:
    async def later(machine: Machine) -> None:
        await machine.clock.sleep(1)

    assert races(then(), later)


async def nothing() -> None:
    """A task that does nothing."""


def test_an_event_has_a_bit_of_its_own_and_tells_whose_it_was() -> None:
    machine = Machine()
    one, two = machine.task("one", nothing), machine.task("two", nothing)
    events = Events()
    bits = [events.happen(one), events.happen(two), events.happen(one)]
    assert bits == [1, 2, 1 << LANES]
    assert (one.past, two.past) == (1 | 1 << LANES, 2)
    assert events.latest(3) is two
    count = events.count
    assert events.happen(two) == 2 << LANES
    events.count = count
    assert events.happen(two) == 2 << LANES


def test_tasks_beyond_the_lanes_share_the_last() -> None:
    machine = Machine()
    tasks = [machine.task(f"t{number}", nothing) for number in range(LANES + 1)]
    events = Events()
    bits = [events.happen(task) for task in tasks[-3:]]
    assert bits == [1 << LANES - 2, 1 << LANES - 1, 1 << 2 * LANES - 1]
    assert [events.latest(bit) for bit in bits] == tasks[-3:]
