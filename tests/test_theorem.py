"""The theorem of V9 (PROTOCOL 4): n importers of two pages each, and how many kmap slots they need.

Proved for n of them by visiting every state: a deadlock is reached, or there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.explore.graph import Graph
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.protocol.rfc2012 import (
    get_backing_storage,
    kmap,
    kmap_atomic,
    kunmap,
    kunmap_atomic,
    put_backing_storage,
)
from dmabuf_async.scenario.python import from_function, scenario

pytestmark = pytest.mark.unaudited

N = (2, 3, 4)
Build: TypeAlias = Callable[[Machine, Buffer], None]


async def importer(buffer: Buffer, source: int, target: int) -> None:
    await get_backing_storage(buffer)
    first = await kmap(buffer, source)
    second = await kmap(buffer, target)
    await kunmap(second)
    await kunmap(first)
    await put_backing_storage(buffer)


async def atomic_importer(buffer: Buffer, source: int, target: int) -> None:
    await get_backing_storage(buffer)
    first = await kmap(buffer, source)
    second = await kmap_atomic(buffer, target)
    await kunmap_atomic(second)
    await kunmap(first)
    await put_backing_storage(buffer)


async def holder(buffer: Buffer, source: int, target: int, mutex: Mutex) -> None:
    """Waits for a mutex while it holds both of its pages."""
    await get_backing_storage(buffer)
    first = await kmap(buffer, source)
    second = await kmap(buffer, target)
    await mutex.lock()
    await mutex.unlock()
    await kunmap(second)
    await kunmap(first)
    await put_backing_storage(buffer)


async def locker(buffer: Buffer, source: int, target: int, mutex: Mutex) -> None:
    """Waits for slots while it holds the mutex."""
    await mutex.lock()
    await importer(buffer, source, target)
    await mutex.unlock()


def found(n: int, slots: int, build: Build, zone: str = "high") -> set[str]:
    """The codes of all that ``build`` can do, on a machine with 2n pages: every state is visited."""

    @scenario(sizes=Sizes(cpus=n, ram=2 * n, highmem=2 * n, kmap_slots=slots))
    def furnish(machine: Machine) -> None:
        buffer = machine.buffer("fb", 2 * n)
        StaticExporter(machine, buffer, zone)
        build(machine, buffer)

    graph = Graph(from_function(furnish))
    while graph.advance():
        pass
    assert graph.progress.cut == 0
    return {signature.code for signature in graph.progress.counts}


def importers(
    n: int, work: Callable[..., object] = importer, pages: Callable[[int], tuple[int, int]] | None = None
) -> Build:
    def build(machine: Machine, buffer: Buffer) -> None:
        for number in range(n):
            source, target = (2 * number, 2 * number + 1) if pages is None else pages(number)
            machine.task(f"importer{number}", work, buffer, source, target, cpu=number)

    return build


@pytest.mark.parametrize(("n", "slots"), [(n, slots) for n in N for slots in range(1, n + 1)])
def test_with_any_number_of_slots_up_to_n_a_deadlock_is_reachable(n: int, slots: int) -> None:
    assert found(n, slots, importers(n)) == {"deadlock"}


@pytest.mark.parametrize(("n", "slots"), [(n, slots) for n in N for slots in range(n + 1, 2 * n + 1)])
def test_with_more_than_n_slots_there_is_none(n: int, slots: int) -> None:
    assert found(n, slots, importers(n)) == set()


@pytest.mark.parametrize("n", N)
def test_in_lowmem_one_slot_is_enough(n: int) -> None:
    assert found(n, 1, importers(n), zone="ram") == set()


@pytest.mark.parametrize("n", N)
def test_if_all_map_the_same_page_twice_one_slot_is_enough(n: int) -> None:
    assert found(n, 1, importers(n, pages=lambda _: (0, 0))) == set()


@pytest.mark.parametrize("n", N)
def test_if_each_maps_its_own_page_twice_one_slot_is_enough(n: int) -> None:
    assert found(n, 1, importers(n, pages=lambda number: (number, number))) == set()


@pytest.mark.parametrize("n", N)
def test_if_the_second_mapping_is_atomic_one_slot_is_enough(n: int) -> None:
    assert found(n, 1, importers(n, atomic_importer)) == set()


@pytest.mark.parametrize("n", N)
def test_if_a_holder_waits_for_a_mutex_too_even_one_slot_more_than_n_deadlocks(n: int) -> None:
    def build(machine: Machine, buffer: Buffer) -> None:
        mutex = machine.mutex("queue")
        for number in range(n - 1):
            machine.task(f"holder{number}", holder, buffer, 2 * number, 2 * number + 1, mutex, cpu=number)
        machine.task("locker", locker, buffer, 2 * n - 2, 2 * n - 1, mutex, cpu=n - 1)

    assert found(n, n + 1, build) == {"deadlock"}
