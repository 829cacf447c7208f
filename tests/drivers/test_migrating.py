from __future__ import annotations

import contextlib
from typing import Any

import pytest

from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import all_executions, execute

SIZES = Sizes(ram=2, vram=2, enomem=1)


def use(sizes: Sizes, zone: str = "ram", **options: Any) -> Any:
    """Two importers use a page each, while a task migrates the buffer to and fro, and the service task does."""

    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb", 2)
        exporter = MigratingExporter(machine, buffer, zone, **options)
        exporter.serve(cpu=1)

        async def importer(page: int) -> None:
            own = CpuImporter(machine)
            try:
                await own.get(buffer, page * PAGE_SIZE, PAGE_SIZE)
                await own.kmap("m", buffer, page)
                await own.mappings["m"].store(0)
                assert await own.mappings["m"].load(0)
                await own.kunmap("m")
                await own.put(buffer, page * PAGE_SIZE, PAGE_SIZE)
            except KernelError:
                await own.unwind()

        async def mover() -> None:
            await exporter.wanted.store(exporter.wish("vram"))
            for to in ("vram", "ram"):
                with contextlib.suppress(KernelError):
                    await exporter.migrate(to)

        machine.task("importer", importer, 1)
        machine.task("second", importer, 0, cpu=1)
        machine.task("mover", mover, cpu=1)

    del sizes
    return build


@pytest.mark.parametrize("zone", ["ram", "vram"])
@pytest.mark.parametrize("visible", [True, False])
@pytest.mark.parametrize("options", [{}, {"guard": "flag"}, {"parallel_copy": True}])
def test_the_right_code_is_never_accused(zone: str, visible: bool, options: Any) -> None:
    sizes = Sizes(ram=2, vram=2, enomem=1, cpu_visible=visible)
    walk = RandomWalk(0)
    build = use(sizes, zone, **options)
    assert {code for _ in range(40) for code in execute(build, walk, sizes=sizes, max_steps=900).codes} == set()


def said(*verbs: str, sizes: Sizes, zone: str = "ram", pages: int = 1) -> Any:
    """Where the pages are after what the verbs say, with the errors that came."""

    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb", pages)
        exporter = MigratingExporter(machine, buffer, zone)
        errors: list[str] = []

        async def work() -> None:
            for verb in verbs:
                try:
                    if verb == "get":
                        await exporter.get_backing_storage(buffer, 0, 1)
                    elif verb == "put":
                        await exporter.put_backing_storage(buffer, 0, 1)
                    else:
                        await exporter.migrate(verb)
                except KernelError as error:
                    errors.append(error.errno)

        machine.task("a", work)
        return lambda: ([page.where and page.where.name for page in buffer.pages], errors)

    return build


def test_a_pinned_buffer_is_busy_until_the_last_put() -> None:
    ran = execute(said("get", "get", "put", "vram", "put", "vram", sizes=SIZES), sizes=SIZES)
    assert ran.observed == (["vram#0"], ["EBUSY"])


def test_vram_that_cpus_reach_is_pinned_where_it_is() -> None:
    assert execute(said("get", "put", sizes=SIZES, zone="vram"), sizes=SIZES).observed == (["vram#0"], [])


def test_vram_that_cpus_do_not_reach_is_left_by_get_which_may_fail() -> None:
    hidden = Sizes(ram=1, vram=1, cpu_visible=False, enomem=1)
    seen = {str(ran.observed) for ran in all_executions(said("get", sizes=hidden, zone="vram"), sizes=hidden)}
    assert seen == {str((["ram#0"], [])), str((["vram#0"], ["ENOMEM"]))}


def test_a_buffer_that_is_pinned_where_cpus_do_not_reach_it_is_busy() -> None:
    hidden = Sizes(ram=1, vram=1, cpu_visible=False)

    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = MigratingExporter(machine, buffer, "vram")
        errors: list[str] = []

        async def work() -> None:
            await exporter.hold()  # as an importer does whose mapping cannot be revoked
            try:
                await exporter.get_backing_storage(buffer, 0, 1)
            except KernelError as error:
                errors.append(error.errno)

        machine.task("a", work)
        return lambda: (buffer.pages[0].where and buffer.pages[0].where.name, errors)

    assert execute(build, sizes=hidden).observed == ("vram#0", ["EBUSY"])


def test_the_service_task_migrates_whenever_it_is_asked_to() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = MigratingExporter(machine, buffer, "ram")
        exporter.serve()
        places: list[Any] = []

        async def work() -> None:
            for to in ("vram", "ram"):
                await exporter.wanted.store(exporter.wish(to))
                await machine.clock.sleep(9)
                places.append(await buffer.pages[0].look())

        machine.task("a", work, cpu=1)
        return lambda: tuple(place.name for place in places)

    assert execute(build, sizes=Sizes(vram=1)).observed == ("vram#0", "ram#0")


def test_what_was_written_before_a_move_is_read_after_it() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = MigratingExporter(machine, buffer, "ram")
        seen: list[bool] = []

        async def work() -> None:
            own = CpuImporter(machine)
            for verb, to in (("store", "vram"), ("load", "ram"), ("load", "vram")):
                await own.get(buffer, 0, PAGE_SIZE)
                await own.kmap("m", buffer, 0)
                seen.append(await getattr(own.mappings["m"], verb)(0))
                await own.kunmap("m")
                await own.put(buffer, 0, PAGE_SIZE)
                await exporter.migrate(to)

        machine.task("a", work)
        return lambda: seen

    assert execute(build, sizes=Sizes(vram=1)).observed == [None, True, True]
