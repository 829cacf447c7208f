from __future__ import annotations

from dataclasses import replace
from typing import Any

from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.explore.checking import check
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario.python import from_function
from tests.harness import execute


def needed(before: str = "", sizes: Sizes | None = None, **more: Any) -> Any:
    """Two swapping buffers, memory for one: the second is needed, after something that was done to the first."""

    def build(machine: Machine) -> Any:
        one, two = machine.buffer("one"), machine.buffer("two")
        first = SwappingExporter(machine, one, "ram")
        second = SwappingExporter(machine, two, "ram", resident=False)
        said: list[str] = []

        async def work() -> None:
            if before == "pin":
                await first.get_backing_storage(one, 0, 1)
            elif before == "lock":
                await first.lock.lock()
            try:
                await second.get_backing_storage(two, 0, 1)
            except KernelError as error:
                said.append(error.errno)

        machine.task("a", work)
        return lambda: ([page.where and page.where.name for page in (*one.pages, *two.pages)], said)

    return execute(build, sizes=sizes or Sizes(ram=1, swap=2), **more)


def test_an_allocation_that_finds_no_memory_swaps_out_another_buffer() -> None:
    assert needed().observed == (["swap#1", "ram#0"], [])


def test_reclaim_skips_what_is_pinned() -> None:
    assert needed("pin").observed == (["ram#0", "swap#0"], ["ENOMEM"])


def test_reclaim_does_not_wait_for_a_lock() -> None:
    ran = needed("lock", trace=True)
    assert ran.observed == (["ram#0", "swap#0"], ["ENOMEM"])
    assert "a: trylock one.lock" in ran.texts()


def test_reclaim_that_finds_no_slot_gives_up() -> None:
    assert needed(sizes=Sizes(ram=1, swap=1)).observed == (["ram#0", "swap#0"], ["ENOMEM"])


def test_an_allocation_that_is_made_to_fail_does_not_reclaim() -> None:
    ran = needed(sizes=Sizes(ram=2, swap=2, enomem=1), answers=[1])
    assert ran.observed == (["ram#0", "swap#0"], ["ENOMEM"])


def test_vram_that_is_full_is_made_free_by_moving_another_buffer_to_ram() -> None:
    def build(machine: Machine) -> Any:
        one, two = machine.buffer("one"), machine.buffer("two")
        MigratingExporter(machine, one, "vram")
        exporter = MigratingExporter(machine, two, "ram")

        async def work() -> None:
            await exporter.migrate("vram")

        machine.task("a", work)
        return lambda: [page.where and page.where.name for page in (*one.pages, *two.pages)]

    assert execute(build, sizes=Sizes(ram=2, vram=1)).observed == ["ram#1", "vram#0"]


def test_two_that_reclaim_from_each_other_come_to_an_end() -> None:
    def build(machine: Machine) -> None:
        for name in ("one", "two"):
            buffer = machine.buffer(name)
            exporter = SwappingExporter(machine, buffer, "ram", resident=name == "one")

            async def work(exporter: SwappingExporter = exporter) -> None:
                try:
                    await exporter.get_backing_storage(exporter.buffer, 0, 1)
                    await exporter.put_backing_storage(exporter.buffer, 0, 1)
                except KernelError as error:
                    assert error.errno == "ENOMEM"  # noqa: PT017 - of the simulated kernel

            machine.task(name, work)

    verdict = check(replace(from_function(build), sizes=Sizes(ram=1, swap=2)), "graph")
    assert verdict.strength.startswith("exhaustive")
    assert verdict.failures == ()
