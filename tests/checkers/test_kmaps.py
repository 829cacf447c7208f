"""Kernel mappings: slots, the limit, atomic context, and what is stale (PROTOCOL 1, V8 to V12, and 4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.kmap import Mapping
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
from tests.checkers.conftest import Told, furnish
from tests.harness import execute

Maps: TypeAlias = Callable[[Buffer], Awaitable[Mapping]]


async def pinned(fb: Buffer, *calls: Maps) -> None:
    """Make these mappings, and undo all."""
    await get_backing_storage(fb)
    mappings = [await call(fb) for call in calls]
    for mapping in reversed(mappings):
        await (kunmap_atomic if mapping.atomic else kunmap)(mapping)
    await put_backing_storage(fb)


def slots(zone: str, *calls: Maps) -> int:
    """How many slots these mappings take: with fewer, a task that makes them waits for itself."""

    def build(machine: Machine) -> None:
        machine.task("work", pinned, furnish(machine, 2, "static", zone), *calls)

    return next(n for n in range(4) if execute(build, sizes=Sizes(highmem=2, kmap_slots=n)).codes == [])


def page(index: int) -> Maps:
    return lambda fb: kmap(fb, index)


def atomic(index: int) -> Maps:
    return lambda fb: kmap_atomic(fb, index)


def test_each_highmem_frame_takes_a_slot() -> None:
    assert slots("high", page(0)) == 1
    assert slots("high", page(0), page(1)) == 2


def test_a_second_kmap_of_a_mapped_frame_takes_none() -> None:
    assert slots("high", page(0), page(0)) == 1


def test_lowmem_takes_none() -> None:
    assert slots("ram", page(0), page(1)) == 0


def test_atomic_mappings_take_none_of_the_pool() -> None:
    assert slots("high", atomic(0), atomic(1)) == 0
    assert slots("high", page(0), atomic(1)) == 1


def test_a_second_kmap_of_a_mapped_frame_never_waits(told: Told) -> None:
    async def twice(fb: Buffer) -> None:
        await pinned(fb, page(0), page(0))

    assert told(twice, zone="high", slots=1) == set()


def test_a_frame_keeps_its_slot_until_its_last_mapping_goes(told: Told) -> None:
    async def work(fb: Buffer, unmapped: int) -> None:
        await get_backing_storage(fb)
        mappings = [await kmap(fb, 0), await kmap(fb, 0)]
        for mapping in mappings[:unmapped]:
            await kunmap(mapping)
        await kunmap(await kmap(fb, 1))
        for mapping in mappings[unmapped:]:
            await kunmap(mapping)
        await put_backing_storage(fb)

    assert told(lambda fb: work(fb, 1), zone="high", slots=1) == {"deadlock"}
    assert told(lambda fb: work(fb, 2), zone="high", slots=1) == set()


@pytest.mark.parametrize("calls", [(page(0), page(1)), (atomic(0), atomic(1)), (page(0), atomic(1))])
def test_two_mappings_are_within_the_limit(told: Told, calls: tuple[Maps, ...]) -> None:
    async def work(fb: Buffer) -> None:
        await pinned(fb, *calls)

    assert told(work) == set()


@pytest.mark.parametrize("third", [page(0), atomic(0)])
def test_the_third_call_is_over_the_limit_atomic_ones_counted(told: Told, third: Maps) -> None:
    async def work(fb: Buffer) -> None:
        await pinned(fb, page(0), page(1), third)

    assert told(work) == {"kmap-limit"}


def test_the_limit_is_counted_before_the_third_waits(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await pinned(fb, page(0), page(1), page(2))

    assert told(work, pages=3, zone="high", slots=2) == {"kmap-limit"}


def test_the_limit_is_counted_over_all_buffers() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 2, "static", "ram")
        other = machine.buffer("other")
        StaticExporter(machine, other, "ram")

        async def work() -> None:
            await get_backing_storage(other)
            await pinned(fb, page(0), page(1), lambda _: kmap(other, 0))
            await put_backing_storage(other)

        machine.task("work", work)

    assert execute(build).codes == ["kmap-limit"]


def test_a_task_may_sleep_while_it_holds_a_kmap(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb)
        mapping = await kmap(fb, 0)
        await fb.machine.clock.sleep(1)
        await kunmap(mapping)
        await put_backing_storage(fb)

    assert told(work) == set()


async def sleeping(fb: Buffer) -> None:
    await fb.machine.clock.sleep(1)


async def locking(fb: Buffer) -> None:
    assert fb.lock is not None
    await fb.lock.lock()
    await fb.lock.unlock()


async def trying(fb: Buffer) -> None:
    assert fb.lock is not None
    assert await fb.lock.try_lock()
    await fb.lock.unlock()


async def getting(fb: Buffer) -> None:
    await get_backing_storage(fb, 0, 4096)
    await put_backing_storage(fb, 0, 4096)


async def mapping_too(fb: Buffer) -> None:
    await kunmap(await kmap(fb, 1))


async def waiting(fb: Buffer) -> None:
    cell = next(thing for thing in fb.machine.things.values() if thing.name == "always")
    await cell.wait("==", 0)  # type: ignore[attr-defined]


async def allocating(fb: Buffer) -> None:
    zone = fb.machine.zones["ram"]
    await zone.release(await zone.alloc(fb.pages[0]))


@pytest.mark.parametrize(
    ("call", "rules"),
    [
        (sleeping, {"V12"}),
        (locking, {"V12"}),
        (trying, set()),
        (getting, {"V5"}),
        (mapping_too, {"V12"}),
        (waiting, {"V12"}),
        (allocating, {"V12"}),
    ],
)
def test_what_may_sleep_is_told_in_atomic_context_whether_or_not_it_would(
    call: Callable[[Buffer], Awaitable[None]], rules: set[str]
) -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 2, "static", "ram")
        machine.cell("always", 0)

        async def work() -> None:
            await get_backing_storage(fb)
            mapping = await kmap_atomic(fb, 0)
            await call(fb)
            await kunmap_atomic(mapping)
            await put_backing_storage(fb)

        machine.task("work", work)

    findings = execute(build).findings
    assert {finding.code for finding in findings} <= {"sleep-in-atomic"}
    assert {finding.rule for finding in findings} == rules


def test_atomic_mappings_are_released_last_first(told: Told) -> None:
    async def work(fb: Buffer, first: int) -> None:
        await get_backing_storage(fb)
        mappings = [await kmap_atomic(fb, 0), await kmap_atomic(fb, 1)]
        await kunmap_atomic(mappings[first])
        await kunmap_atomic(mappings[1 - first])
        await put_backing_storage(fb)

    assert told(lambda fb: work(fb, 1)) == set()
    assert told(lambda fb: work(fb, 0)) == {"kmap-order"}


def test_atomic_mappings_are_released_by_the_task_that_made_them() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")
        handed = machine.cell("handed", None)

        async def maker() -> None:
            await get_backing_storage(fb)
            await handed.store(await kmap_atomic(fb, 0))
            await handed.wait("==", None)
            await put_backing_storage(fb)

        async def other() -> None:
            await get_backing_storage(fb)
            await handed.wait("!=", None)
            await kunmap_atomic(await handed.load())
            await handed.store(None)
            await put_backing_storage(fb)

        machine.task("maker", maker, cpu=0)
        machine.task("other", other, cpu=1)

    assert "kmap-order" in {finding.code for finding in execute(build).findings}


def test_kunmap_may_be_called_by_a_task_that_was_handed_the_mapping() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "high")
        handed = machine.cell("handed", None)

        async def maker() -> None:
            await get_backing_storage(fb)
            await handed.store(await kmap(fb, 0))
            await put_backing_storage(fb)

        async def other() -> None:
            await get_backing_storage(fb)
            await handed.wait("!=", None)
            await kunmap(await handed.load())
            await put_backing_storage(fb)

        machine.task("maker", maker, cpu=0)
        machine.task("other", other, cpu=1)

    assert execute(build, sizes=Sizes(highmem=1)).codes == []


@pytest.mark.parametrize(("make", "undo"), [(kmap, kunmap), (kmap_atomic, kunmap_atomic)])
def test_a_mapping_is_used_and_unmapped_only_while_it_is_there(
    told: Told,
    make: Callable[[Buffer, int], Awaitable[Mapping]],
    undo: Callable[[Mapping], Awaitable[None]],
) -> None:
    async def reads(fb: Buffer) -> None:
        await get_backing_storage(fb)
        mapping = await make(fb, 0)
        await undo(mapping)
        await mapping.load(0)
        await put_backing_storage(fb)

    async def unmaps_twice(fb: Buffer) -> None:
        await get_backing_storage(fb)
        mapping = await make(fb, 0)
        await undo(mapping)
        await undo(mapping)
        await put_backing_storage(fb)

    assert told(reads) == {"stale-kmap"}
    assert told(unmaps_twice) == {"stale-kmap"}


def test_what_moves_under_a_mapping_makes_it_stale() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "swapping", "ram")

        async def work() -> None:
            mapping = await kmap(fb, 0)
            await fb.exporter.swap_out()
            await mapping.load(0)
            await kunmap(mapping)

        machine.task("work", work)

    messages = {finding.code: finding.message for finding in execute(build).findings}
    assert messages["stale-kmap"] == "work uses a mapping of fb[0] that leads to ram#0, where the page no longer is"


@pytest.mark.parametrize(("make", "rule"), [(kmap, "V8"), (kmap_atomic, "V12")])
@pytest.mark.parametrize("user", [False, True])
def test_a_kernel_task_that_ends_with_a_page_mapped_leaks_it(
    make: Callable[[Buffer, int], Awaitable[Mapping]], rule: str, user: bool
) -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")

        async def work() -> None:
            await get_backing_storage(fb)
            await make(fb, 0)

        machine.task("work", work, user=user)

    leaks = [(one.code, one.rule) for one in execute(build).findings if one.code == "kmap-leak"]
    assert leaks == ([] if user else [("kmap-leak", rule)])


def test_a_leaked_mapping_beyond_the_end_is_named() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")

        async def work() -> None:
            await get_backing_storage(fb)
            await kmap(fb, 7)
            await put_backing_storage(fb)

        machine.task("work", work)

    assert (
        execute(build).findings[-1].message
        == "work ends and has a page beyond the end still mapped: kmap without kunmap"
    )


@pytest.mark.parametrize("held", ["spinlock", "interrupts"])
def test_get_and_put_break_v5_whatever_the_atomic_context_is(held: str) -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 2, "static", "ram")
        lock = machine.spinlock("lock")

        async def work() -> None:
            cpu = machine.cpus[0]
            await (lock.lock() if held == "spinlock" else cpu.local_irq_disable())
            await getting(fb)
            await (lock.unlock() if held == "spinlock" else cpu.local_irq_enable())

        machine.task("work", work)

    findings = execute(build).findings
    assert [(finding.code, finding.rule) for finding in findings] == [("sleep-in-atomic", "V5")] * 2
