from __future__ import annotations

import contextlib
from typing import Any

import pytest

from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.process import UserProcess
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import all_executions, execute

SWAP = Sizes(swap=2)
SIZES = Sizes(ram=2, highmem=3, swap=3, enomem=1, kmap_slots=1)


def use(zone: str = "ram", pages: int = 2, *, resident: bool = True, atomic: bool = False, defects: Any = ()) -> Any:
    """Two importers use a page each, while another task swaps the buffer out, and reclaim does."""

    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb", pages)
        exporter = SwappingExporter(machine, buffer, zone, defects, resident=resident)
        exporter.serve(cpu=1)

        async def importer(page: int) -> None:
            own = CpuImporter(machine)
            try:
                await own.get(buffer, 0, buffer.size)
                if atomic:
                    await own.kmap_atomic("m", buffer, page)
                else:
                    await own.kmap("m", buffer, page)
                    await machine.clock.sleep(1)  # fine (V10)
                await own.mappings["m"].store(0)
                await own.mappings["m"].load(1)
                await (own.kunmap_atomic if atomic else own.kunmap)("m")
                await own.put(buffer, 0, buffer.size)
            except KernelError:
                await own.unwind()

        async def mover() -> None:
            await exporter.wanted.store(1)
            with contextlib.suppress(KernelError):
                await exporter.swap_out()

        machine.task("importer", importer, pages - 1)
        machine.task("second", importer, 0, cpu=1)
        machine.task("mover", mover, cpu=1)

    return build


def found(build: Any, sizes: Sizes = SIZES, seeds: int = 150) -> set[str]:
    walk = RandomWalk(0)
    return {code for _ in range(seeds) for code in execute(build, walk, sizes=sizes, max_steps=600).codes}


@pytest.mark.parametrize("zone", ["ram", "high"])
@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("atomic", [True, False])
def test_the_right_code_is_never_accused(zone: str, resident: bool, atomic: bool) -> None:
    sizes = Sizes(ram=2, highmem=3, swap=3, enomem=1, kmap_slots=2)
    assert found(use(zone, resident=resident, atomic=atomic), sizes, 30) == set()


SIGNS = {
    "ignore-pins": "moved-while-pinned",
    "pin-count-after-unlock": "moved-while-pinned",
    "evict-test-outside-lock": "moved-while-pinned",
    "switch-after-unlock": "missing-lock",
    "returns-before-resident": "access-without-backing",
    "leak-on-enomem": "frame-leak",
    "free-before-copy": "use-after-free",
    "leak-slot": "frame-leak",
    "kmap-under-lock": "deadlock",
    "atomic-takes-mutex": "sleep-in-atomic",
    "no-unlock-on-enomem": "deadlock",
    "unlock-twice-on-enomem": "double-unlock",
    "free-twice-on-enomem": "double-free",
    "kmap-as-atomic": "sleep-in-atomic",
}


@pytest.mark.parametrize(("defect", "code"), SIGNS.items())
@pytest.mark.unaudited  # hundreds of executions; tests/engine/test_audit.py audits each defect
def test_every_defect_is_found(defect: str, code: str) -> None:
    zone = "high" if defect == "kmap-under-lock" else "ram"
    resident = "enomem" not in defect and defect not in {"returns-before-resident", "leak-slot"}
    atomic = defect == "atomic-takes-mutex"
    assert code in found(use(zone, resident=resident, atomic=atomic, defects=(defect,)), seeds=400)


def test_a_pin_that_a_failed_get_left_keeps_the_buffer_in_memory_for_good() -> None:
    """No rule is broken: memory is lost to reclaim, which EBUSY tells."""

    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = SwappingExporter(machine, buffer, "ram", {"pins-on-enomem"}, resident=False)
        said: list[str] = []

        async def work() -> None:
            for call in (exporter.get_backing_storage(buffer, 0, 1), exporter.swap_out()):
                try:
                    await call
                except KernelError as error:
                    said.append(error.errno)

        machine.task("a", work)
        return lambda: tuple(said)

    assert {ran.observed for ran in all_executions(build, sizes=Sizes(enomem=1), checkers=())} == {
        ("ENOMEM", "EBUSY"), ("EBUSY",),
    }  # fmt: skip


@pytest.mark.parametrize("defects", [(), ("plain-request",)])
def test_a_request_that_is_cleared_plainly_races_with_the_next(defects: tuple[str, ...]) -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        exporter = SwappingExporter(machine, buffer, "ram", defects)
        exporter.serve()

        async def ask() -> None:
            await exporter.wanted.store_release(1)

        machine.task("one", ask)
        machine.task("two", ask, cpu=1)

    assert found(build, seeds=40) == ({"data-race"} if defects else set())


def swapped(*verbs: str, sizes: Sizes, pages: int = 2, resident: bool = True) -> tuple[Any, list[str]]:
    """Where the pages are after what the verbs say, with the errors that came."""

    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb", pages)
        exporter = SwappingExporter(machine, buffer, "ram", resident=resident)
        said: list[str] = []

        async def work() -> None:
            for verb in verbs:
                try:
                    match verb:
                        case "out":
                            await exporter.swap_out()
                        case "get":
                            await exporter.get_backing_storage(buffer, 0, 1)
                        case _:
                            await exporter.put_backing_storage(buffer, 0, 1)
                except KernelError as error:
                    said.append(error.errno)

        machine.task("a", work)
        return lambda: ([page.where and page.where.name for page in buffer.pages], said)

    ran = execute(build, sizes=sizes)
    assert ran.codes == []
    return ran.observed  # type: ignore[no-any-return]


def test_swapping_out_moves_the_whole_buffer_and_get_brings_all_of_it_back() -> None:
    assert swapped("out", sizes=Sizes()) == (["swap#0", "swap#1"], [])
    assert swapped("out", "get", "put", sizes=Sizes()) == (["ram#1", "ram#0"], [])


def test_what_is_pinned_is_busy_until_the_last_put() -> None:
    assert swapped("get", "get", "put", "out", "put", "out", sizes=Sizes()) == (["swap#0", "swap#1"], ["EBUSY"])


def test_when_swap_is_full_nothing_moves_and_nothing_is_lost() -> None:
    assert swapped("out", "out", sizes=Sizes(swap=1)) == (["ram#0", "ram#1"], ["ENOSPC", "ENOSPC"])


def test_when_memory_is_out_get_fails_and_nothing_moves() -> None:
    assert swapped("get", "get", sizes=Sizes(ram=1), resident=False) == (["swap#0", "swap#1"], ["ENOMEM", "ENOMEM"])


def test_reclaim_comes_whenever_it_is_asked() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = SwappingExporter(machine, buffer, "ram")
        exporter.serve()
        places: list[Any] = []

        async def work() -> None:
            for _ in range(2):
                await exporter.wanted.store(1)
                await machine.clock.sleep(9)
                places.append(await buffer.pages[0].look())
                await exporter.get_backing_storage(buffer, 0, 1)
                await exporter.put_backing_storage(buffer, 0, 1)

        machine.task("a", work, cpu=1)
        return lambda: tuple(place.name for place in places)

    assert execute(build).observed == ("swap#0", "swap#0")
    seen = {execute(build, RandomWalk(seed)).observed for seed in range(50)}
    assert ("ram#0", "ram#0") in seen  # time may go on before it has come


def test_the_words_survive_a_swap() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = SwappingExporter(machine, buffer, "ram")
        seen: list[bool] = []

        async def work() -> None:
            own = CpuImporter(machine)
            for verb in ("store", "load"):
                await own.get(buffer, 0, PAGE_SIZE)
                await own.kmap("m", buffer, 0)
                seen.append(await getattr(own.mappings["m"], verb)(0))
                await own.kunmap("m")
                await own.put(buffer, 0, PAGE_SIZE)
                await exporter.swap_out()

        machine.task("a", work)
        return lambda: seen

    assert execute(build).observed == [None, True]


def mapped(*verbs: str, sizes: Sizes = SWAP, pages: int = 1, **options: Any) -> Any:
    """A process does this with a buffer that it has mapped; it says where the pages were after each step."""

    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb", pages)
        exporter = SwappingExporter(machine, buffer, "ram", **options)
        mm = machine.mm("display")
        mm.region("m", buffer)
        mm.thread(0)
        said: list[str] = []

        async def work() -> None:
            own = UserProcess(mm)
            await own.mmap("m", buffer, 0, buffer.size)
            for verb in verbs:
                if verb == "out":
                    await exporter.swap_out()
                elif verb == "munmap":
                    await own.munmap("m")
                elif verb == "get":
                    await exporter.get_backing_storage(buffer, 0, pages)
                    await exporter.put_backing_storage(buffer, 0, pages)
                else:
                    await getattr(own, verb)("m", 0, 0)
                place: Any = await buffer.pages[0].look()
                said.append("nowhere" if place is None else place.name)
            await own.unwind()

        machine.task("display", work, user=True)
        return lambda: said

    ran = execute(build, sizes=sizes)
    assert ran.codes == []
    return ran.observed


def test_what_is_mapped_is_shot_down_and_swapped_out_and_a_fault_swaps_it_in() -> None:
    assert mapped("store", "out", "load", "load") == ["ram#0", "swap#0", "ram#0", "ram#0"]


def test_a_page_that_nobody_has_used_is_nowhere_and_a_fault_gives_it_a_frame() -> None:
    assert mapped("out", "load", populated=False) == ["nowhere", "ram#0"]


def test_a_clean_page_is_dropped_and_a_dirty_one_is_kept() -> None:
    assert mapped("load", "out", "load", populated=False) == ["ram#0", "nowhere", "ram#0"]
    assert mapped("store", "out", "load", populated=False) == ["ram#0", "swap#0", "ram#0"]


def test_once_written_a_page_is_never_clean_again() -> None:
    assert mapped("store", "out", "load", "out", populated=False) == ["ram#0", "swap#0", "ram#0", "swap#0"]


def test_what_a_kernel_importer_got_counts_as_written() -> None:
    assert mapped("get", "out", populated=False) == ["ram#0", "swap#0"]


def test_what_was_unmapped_counts_as_written() -> None:
    assert mapped("load", "munmap", "out", populated=False) == ["ram#0", "ram#0", "swap#0"]


def test_a_clean_page_needs_no_room_in_swap() -> None:
    assert mapped("load", "out", populated=False, sizes=Sizes(swap=0)) == ["ram#0", "nowhere"]


def test_dirty_bits_that_a_failed_swap_out_has_taken_are_not_forgotten() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = SwappingExporter(machine, buffer, "ram", populated=False)
        swap = machine.zones["swap"]
        mm = machine.mm("display")
        mm.region("m", buffer)
        mm.thread(0)

        async def work() -> None:
            own = UserProcess(mm)
            await own.mmap("m", buffer, 0, buffer.size)
            await own.store("m", 0, 0)
            slot: Any = await swap.alloc(buffer.pages[0])
            with contextlib.suppress(KernelError):
                await exporter.swap_out()  # full
            await swap.release(slot)
            await exporter.swap_out()
            await own.unwind()

        machine.task("display", work, user=True)
        return lambda: buffer.pages[0].where and buffer.pages[0].where.name

    assert execute(build, sizes=Sizes(swap=1)).observed == "swap#0"
