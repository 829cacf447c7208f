from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.kmap import (
    AtomicKmapCall,
    Map,
    MapAtomic,
    SleepingKmapCall,
    Unmap,
    UnmapAtomic,
)
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.protocol import rfc2012
from tests.harness import all_executions, codes, execute, filled


def buffers(machine: Machine, zone: str, count: int = 1, pages: int = 1) -> list[Buffer]:
    made = [machine.buffer(f"b{number}", pages) for number in range(count)]
    for buffer in made:
        StaticExporter(machine, buffer, zone)
    return made


async def held(buffer: Buffer, page: int = 0) -> Any:
    await rfc2012.get_backing_storage(buffer)
    return await rfc2012.kmap(buffer, page)


async def given(mapping: Any) -> None:
    await rfc2012.kunmap(mapping)
    await rfc2012.put_backing_storage(mapping.buffer)


def importers(zone: str, count: int, *, each: int = 1, atomic_second: bool = False, same: bool = False) -> Any:
    """Importers that map ``each`` pages, and then unmap them, as in the theorem of V9."""

    def build(machine: Machine) -> Any:
        made = buffers(machine, zone, 1 if same else count, pages=each)
        peak = [0]

        async def work(buffer: Buffer) -> None:
            mappings = []
            for page in range(each):
                atomic = atomic_second and page > 0
                mapping: Any = await (AtomicKmapCall if atomic else SleepingKmapCall)(buffer, page, atomic)
                mappings.append(await (MapAtomic if atomic else Map)(mapping, buffer.pages[page].state()))
                peak[0] = max(peak[0], machine.kmaps.state())
            for mapping in reversed(mappings):
                await (UnmapAtomic if mapping.atomic else Unmap)(mapping)

        for number in range(count):
            machine.task(f"t{number}", work, made[number % len(made)], cpu=number % 2)
        return lambda: peak[0]

    return build


def peaks_and_ends(build: Any, slots: int) -> tuple[set[Any], set[str]]:
    sizes = Sizes(highmem=4, kmap_slots=slots)
    ran = [(ran.observed, ran.stopped) for ran in all_executions(build, sizes=sizes, checkers=())]
    return {peak for peak, _ in ran}, {stopped for _, stopped in ran}


def test_a_highmem_mapping_takes_a_slot_and_waits_when_there_is_none() -> None:
    assert peaks_and_ends(importers("high", 2), slots=2) == ({1, 2}, {"ended"})
    assert peaks_and_ends(importers("high", 2), slots=1) == ({1}, {"ended"})


def test_a_lowmem_mapping_takes_no_slot() -> None:
    assert peaks_and_ends(importers("ram", 2), slots=0) == ({0}, {"ended"})


def test_a_second_mapping_of_a_mapped_frame_takes_no_slot_and_never_waits() -> None:
    assert peaks_and_ends(importers("high", 2, same=True), slots=1) == ({1}, {"ended"})


def test_two_pages_each_deadlock_with_n_slots_and_not_with_n_plus_one() -> None:
    assert peaks_and_ends(importers("high", 2, each=2), slots=2)[1] == {"ended", "deadlock"}
    assert peaks_and_ends(importers("high", 2, each=2), slots=3)[1] == {"ended"}


def test_the_second_mapping_atomic_never_deadlocks() -> None:
    peaks, ends = peaks_and_ends(importers("high", 2, each=2, atomic_second=True), slots=1)
    assert (peaks, ends) == ({1}, {"ended"})


def test_the_third_call_is_told_before_it_waits() -> None:
    def build(machine: Machine) -> None:
        (buffer,) = buffers(machine, "high", pages=3)

        async def work() -> None:
            await rfc2012.get_backing_storage(buffer)
            for page in range(3):
                await rfc2012.kmap(buffer, page)

        machine.task("a", work)

    ran = execute(build, sizes=Sizes(highmem=4, kmap_slots=2))
    limit, deadlock = ran.findings
    assert (limit.code, limit.primary) == ("kmap-limit", True)
    assert limit.message == "a calls for another mapping while it holds 2, and 2 is the limit"
    assert deadlock.code == "deadlock"
    assert not deadlock.primary


def test_mappings_are_numbered_by_the_lowest_number_that_is_free() -> None:
    def build(machine: Machine) -> Any:
        (buffer,) = buffers(machine, "ram")
        names: list[str] = []

        async def work() -> None:
            first, second = await held(buffer), await held(buffer)
            await given(first)
            third = await held(buffer)
            names.extend(mapping.name for mapping in (first, second, third))
            await given(second)
            await given(third)

        machine.task("a", work)
        return lambda: names

    ran = execute(build, trace=True)
    assert ran.observed == ["a.kmap0", "a.kmap1", "a.kmap0"]
    assert "a: kunmap b0[0] (2. mapping)" in ran.texts()
    assert ran.machine.kmaps.mappings == {}


def using(*verbs: str) -> Any:
    """Does with one mapping what the verbs say; another task moves the page when a cell is set."""

    def build(machine: Machine) -> Any:
        (buffer,) = buffers(machine, "ram")
        page, target = buffer.pages[0], machine.zones["ram"].places[3]
        said: list[Any] = []

        async def work() -> None:
            mapping = await held(buffer)
            for verb in verbs:
                match verb:
                    case "load" | "store":
                        said.append(await getattr(mapping, verb)(0))
                    case "beyond":
                        said.append((await mapping.load(9), await mapping.store(9)))
                    case "unmap":
                        await rfc2012.kunmap(mapping)
                    case "move":
                        await page.switch(target)
                    case _:
                        await page.switch(None)

        machine.task("a", work)
        return lambda: said

    return build


def test_a_load_says_whether_it_read_the_newest() -> None:
    assert execute(using("load", "store", "load", "unmap")).observed == [True, None, True]
    assert execute(using("store", "move", "load")).observed == [None, False]


def test_a_word_beyond_the_page_is_never_the_newest() -> None:
    assert execute(using("beyond")).observed == [(False, None)]


@pytest.mark.parametrize(
    ("verbs", "said"),
    [
        (("unmap", "load"), "a uses its mapping of b0[0] after kunmap"),
        (("move", "store"), "a uses a mapping of b0[0] that leads to ram#0, where the page no longer is"),
        (("nothing", "load"), "a uses a mapping of b0[0] that leads to ram#0, where the page no longer is"),
        (("unmap", "unmap"), "a unmaps a.kmap0 twice"),
    ],
)
def test_a_mapping_that_no_longer_leads_to_its_page_is_stale(verbs: tuple[str, ...], said: str) -> None:
    stale = [finding.message for finding in execute(using(*verbs)).findings if finding.code == "stale-kmap"]
    assert stale == [said]


def atomic(*verbs: str) -> Any:
    """Atomic mappings p and q: ``+p`` maps, ``-p`` unmaps."""

    def build(machine: Machine) -> Any:
        (buffer,) = buffers(machine, "ram")

        async def work() -> None:
            await rfc2012.get_backing_storage(buffer)
            mappings: dict[str, Any] = {}
            for verb in verbs:
                name = verb[1]
                if verb[0] == "+":
                    mappings[name] = await rfc2012.kmap_atomic(buffer, 0)
                else:
                    await rfc2012.kunmap_atomic(mappings[name])
            await rfc2012.put_backing_storage(buffer)

        machine.task("a", work)
        return machine.kmaps.state

    return build


def test_atomic_mappings_released_last_first_are_fine_and_take_no_slot() -> None:
    ran = execute(atomic("+p", "+q", "-q", "-p"), sizes=Sizes(kmap_slots=0))
    assert (ran.codes, ran.observed) == ([], 0)


@pytest.mark.parametrize(
    ("verbs", "found"),
    [
        (("+p", "+q", "-p", "-q"), ["a unmaps b0[0] before b0[0] (2. mapping), mapped later"]),
        (("+p", "-p", "-p"), ["a unmaps a.kmap0 twice"]),
    ],
)
def test_atomic_mappings_released_in_another_way_are_told(verbs: tuple[str, ...], found: list[str]) -> None:
    assert [finding.message for finding in execute(atomic(*verbs)).findings] == found


def test_an_atomic_mapping_released_by_another_task_is_told() -> None:
    def build(machine: Machine) -> None:
        (buffer,) = buffers(machine, "ram")
        given = machine.cell("given", None)

        async def make() -> None:
            await rfc2012.get_backing_storage(buffer)
            await given.store(await rfc2012.kmap_atomic(buffer, 0))

        async def release() -> None:
            await rfc2012.get_backing_storage(buffer)
            await rfc2012.kunmap_atomic(await given.wait("!=", None))

        machine.task("a", make, user=True)
        machine.task("b", release, cpu=1, user=True)

    order = [finding.message for finding in execute(build).findings if finding.code == "kmap-order"]
    assert order == ["b unmaps what a mapped on cpu0"]


def test_mapping_nothing_is_access_without_backing_and_beyond_the_end_is_a_bad_range() -> None:
    def build(machine: Machine, page: int) -> None:
        buffer = filled(machine, "swap")

        async def work() -> None:
            mapping = await SleepingKmapCall(buffer, page, atomic=False)
            await Map(mapping, None)
            await mapping.load(0)
            await mapping.store(0)
            await Unmap(mapping)
            other = await AtomicKmapCall(buffer, page, atomic=True)
            await MapAtomic(other, None)
            await UnmapAtomic(other)

        machine.task("a", work)

    assert codes(lambda machine: build(machine, 0)) == {"access-without-backing"}
    assert codes(lambda machine: build(machine, 7)) == {"bad-range"}
    texts = execute(lambda machine: build(machine, 7), trace=True).texts()
    assert texts == [
        "a: kmap(b, 7)", "a: map a page beyond the end at nothing", "a: load word 0 of a page beyond the end",
        "a: store word 0 of a page beyond the end", "a: kunmap a page beyond the end", "a: kmap_atomic(b, 7)",
        "a: map a page beyond the end at nothing, atomic", "a: kunmap_atomic a page beyond the end",
    ]  # fmt: skip


def test_a_mapping_says_where_it_was_made_to_lead_even_when_it_is_gone() -> None:
    texts = execute(using("load", "unmap", "load"), trace=True).texts()
    assert texts.count("a: load word 0 of b0[0] (ram#0)") == 2
