from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.drivers.moving import DEFECTS, ORDERS, STAGES, Move, order_of
from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from tests.harness import all_executions, execute

SIZES = Sizes(ram=2, vram=2, swap=2)


def stages(name: str) -> list[str]:
    return ORDERS[name].split()


@pytest.mark.parametrize("name", ["move", "flag", "reclaim"])
def test_a_right_move_unmaps_waits_copies_switches_and_frees_in_this_order(name: str) -> None:
    order = [stage for stage in stages(name) if stage in {"test", "zap", "allocate", "wait", "copy", "switch", "free"}]
    assert order == ["test", "zap", "allocate", "wait", "copy", "switch", "free"]


@pytest.mark.parametrize("name", ["move", "reclaim"])
def test_the_lock_is_held_from_the_test_of_the_pins_to_the_switch(name: str) -> None:
    order = stages(name)
    taken = order.index("lock" if name == "move" else "try_lock")
    assert taken < order.index("test")
    assert order.index("switch") < order.index("unlock")
    assert order.count("unlock") == 1


def test_the_flag_is_raised_in_the_hold_of_the_test_and_dropped_in_a_hold_after_the_switch() -> None:
    order = stages("flag")
    assert order.index("test") < order.index("hoist") < order.index("unlock") < order.index("zap")
    again = order.index("lock", 1)
    assert order[again : again + 5] == ["lock", "switch", "free", "drop", "unlock"]


@pytest.mark.parametrize("name", [name for name in ORDERS if name in DEFECTS])
def test_a_defect_of_the_order_differs_from_all_right_ones(name: str) -> None:
    assert stages(name) not in [stages(right) for right in ("flag", "reclaim")]
    assert name == "reclaim-takes-lock" or stages(name) != stages("move")
    assert len(STAGES[name]) == len(stages(name))


def test_the_defect_of_an_exporter_decides_the_order_of_its_moves() -> None:
    assert order_of(frozenset(), flag=False) == "move"
    assert order_of(frozenset(), flag=True) == "flag"
    assert order_of(frozenset({"zap-after-copy", "short-copy"}), flag=True) == "zap-after-copy"
    assert order_of(frozenset({"reclaim-takes-lock"}), flag=False) == "move"
    assert order_of(frozenset({"flag-dropped-early"}), flag=False) == "move"
    assert order_of(frozenset({"flag-dropped-early"}), flag=True) == "flag-dropped-early"


def migrated(*to: str, sizes: Sizes = SIZES, pages: int = 2, trace: bool = False, **options: Any) -> Any:
    """One task that migrates; it says where the pages are in the end, and the errors that came."""

    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb", pages)
        exporter = MigratingExporter(machine, buffer, "ram", **options)
        said: list[str] = []

        async def work() -> None:
            for zone in to:
                try:
                    await exporter.migrate(zone)
                except KernelError as error:
                    said.append(error.errno)

        machine.task("a", work)
        return lambda: ([page.where and page.where.name for page in buffer.pages], said)

    return build


@pytest.mark.parametrize("options", [{}, {"guard": "flag"}, {"parallel_copy": True}])
def test_a_move_takes_all_pages_and_frees_what_they_left(options: Any) -> None:
    ran = execute(migrated("vram", **options), sizes=SIZES, trace=True)
    assert ran.observed == (["vram#0", "vram#1"], [])
    assert ran.codes == []
    assert [text for text in ran.texts() if "free" in text] == ["a: free ram#0", "a: free ram#1"]


def test_a_move_to_where_the_buffer_is_does_nothing_but_look() -> None:
    ran = execute(migrated("ram"), sizes=SIZES, trace=True)
    assert ran.texts() == [
        "a: lock fb.lock", "a: load fb.pin_count", "a: look where fb[0] is", "a: look where fb[1] is",
        "a: unlock fb.lock",
    ]  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"guard": "flag"}])
def test_a_move_that_runs_out_of_memory_moves_nothing_and_keeps_nothing(options: Any) -> None:
    sizes = Sizes(ram=2, vram=1)
    ran = execute(migrated("vram", "vram", **options), sizes=sizes)
    assert ran.observed == (["ram#0", "ram#1"], ["ENOMEM", "ENOMEM"])
    assert ran.codes == []


def test_any_allocation_of_a_move_may_fail() -> None:
    sizes = Sizes(ram=2, vram=2, enomem=1)
    seen = {str(ran.observed) for ran in all_executions(migrated("vram", "vram"), sizes=sizes)}
    assert seen == {str((["vram#0", "vram#1"], errors)) for errors in ([], ["ENOMEM"])}


def test_the_children_of_a_move_copy_side_by_side_and_it_switches_when_they_have_ended() -> None:
    orders = set()
    for seed in range(40):
        ran = execute(migrated("vram", parallel_copy=True), RandomWalk(seed), sizes=SIZES, trace=True)
        steps = [text.split(": ", 1) for text in ran.texts()]
        copies = [index for index, (_, text) in enumerate(steps) if text.startswith("copy")]
        assert {steps[index][0] for index in copies} == {"a/copy.0", "a/copy.1"}
        assert max(copies) < min(index for index, (_, text) in enumerate(steps) if text.startswith("switch"))
        orders.add(tuple(steps[index][0] for index in copies))
        assert ran.codes == []
    assert len(orders) > 2


@pytest.mark.parametrize("options", [{}, {"guard": "flag"}, {"parallel_copy": True}])
@pytest.mark.parametrize("driver", [MigratingExporter, SwappingExporter])
def test_wherever_a_move_is_cancelled_every_page_has_one_place_and_the_lock_is_free(driver: Any, options: Any) -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb", 2)
        exporter = driver(machine, buffer, "ram", **options)
        target = machine.zones["vram" if driver is MigratingExporter else "swap"]
        lock = exporter.lock

        async def mover() -> None:
            await exporter.move(target)

        async def work() -> None:
            async with Group() as group:
                await group.spawn(mover)
                for _ in range(8):
                    await machine.things["cell c"].load()  # type: ignore[attr-defined]
                await group.cancel()

        machine.cell("c")
        machine.task("a", work)
        return lambda: (lock.owner, tuple(page.where.zone.name for page in buffer.pages if page.where))

    seen = set()
    for seed in range(150):
        ran = execute(build, RandomWalk(seed), sizes=SIZES)
        owner, zones = ran.observed
        assert ran.codes == []  # a frame with two owners, or none, would be a frame-leak
        assert owner is None
        assert len(zones) == 2
        seen.add(zones)
    assert len(seen) > 1, "no move was cancelled, or all were"


def test_a_move_can_be_of_some_pages() -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb", 2)
        exporter = SwappingExporter(machine, buffer, "ram", resident=False)

        async def work() -> None:
            assert await Move(exporter, exporter.zone, buffer.pages[1:]).run("swap-in") == 1
            assert await Move(exporter, exporter.zone).run("swap-in") == 1
            assert await Move(exporter, exporter.zone).run("swap-in") == 0

        machine.task("a", work)
        return lambda: [page.where and page.where.name for page in buffer.pages]

    assert execute(build, sizes=SIZES).observed == ["ram#1", "ram#0"]
