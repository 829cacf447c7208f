from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers import mapping, sharing
from dmabuf_async.drivers.cpu import CpuImporter
from dmabuf_async.drivers.static import DEFECTS, StaticExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import execute

SIZES = Sizes(ram=2, highmem=2, kmap_slots=1)


def use(zone: str, *, atomic: bool = False, release: bool = False, defects: Any = ()) -> Any:
    """Two importers map a page each and sleep on it; in the end the buffer may be released."""

    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb", 2)
        StaticExporter(machine, buffer, zone, defects)
        ended = machine.counter("ended")

        async def importer(page: int) -> None:
            own = CpuImporter(machine)
            for _ in range(2):
                await own.get(buffer, page * PAGE_SIZE, PAGE_SIZE)
                if atomic:
                    await own.kmap_atomic("m", buffer, page)
                    await own.mappings["m"].store(0)
                    await own.kunmap_atomic("m")
                else:
                    await own.kmap("m", buffer, page)
                    await machine.clock.sleep(1)
                    await own.mappings["m"].store(0)
                    await own.kunmap("m")
                await own.put(buffer, page * PAGE_SIZE, PAGE_SIZE)
            if await ended.add(1) == 2 and release:
                await own.drop(buffer)

        machine.task("first", importer, 0)
        machine.task("second", importer, 1, cpu=1)

    return build


def found(build: Any) -> set[str]:
    walk = RandomWalk(0)
    return {code for _ in range(30) for code in execute(build, walk, sizes=SIZES).codes}


@pytest.mark.parametrize("zone", ["ram", "high"])
@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("release", [True, False])
def test_the_right_code_is_never_accused(zone: str, atomic: bool, release: bool) -> None:
    assert found(use(zone, atomic=atomic, release=release)) == set()


SIGNS = {
    "frees-on-put": ("access-without-backing", "ram"),
    "kmap-under-lock": ("deadlock", "high"),
    "kmap-as-atomic": ("sleep-in-atomic", "ram"),
    "atomic-takes-mutex": ("sleep-in-atomic", "ram"),
    "release-forgets-frames": ("frame-leak", "ram"),
}


@pytest.mark.unaudited  # tests/engine/test_audit.py audits each defect
@pytest.mark.parametrize("defect", SIGNS)
def test_every_defect_is_found(defect: str) -> None:
    code, zone = SIGNS[defect]
    assert code in found(use(zone, atomic=defect == "atomic-takes-mutex", release=True, defects=(defect,)))


def test_every_defect_has_a_test() -> None:
    elsewhere = {*mapping.DEFECTS, *sharing.DEFECTS}  # of all exporters
    assert {*SIGNS, "cached-mmap"} == set(DEFECTS) - elsewhere  # which takes a process: tests/test_defects.py


def test_get_and_put_do_nothing_and_the_storage_never_moves() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = StaticExporter(machine, buffer, "ram")

        async def work() -> None:
            await exporter.get_backing_storage(buffer, 0, 1)
            await exporter.put_backing_storage(buffer, 0, 1)

        machine.task("a", work)

    assert execute(build).core.steps == 0
