from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.paging import ClearPte
from dmabuf_async.machine.tlb import FAULT, KILLED, WALKED, Flush, FlushOwn, UserLoad, UserStore
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.tasks import Kill
from tests.harness import all_executions
from tests.mapped import World, run


def accesses(prepare: Any, *kinds: type[UserLoad | UserStore]) -> tuple[list[Any], World]:
    async def access(world: World) -> list[Any]:
        return [await kind(world.vma.pte(0), 0) for kind in kinds]

    _, world, [results] = run(access, prepare=prepare)
    return results, world


def test_a_load_walks_the_page_table_and_then_hits() -> None:
    results, world = accesses(lambda world: world.premap(0), UserLoad, UserLoad, UserLoad)
    assert results == [WALKED, True, True]
    assert world.tlb(0) == {0: "ram#0w"}
    assert world.ptes() == {0: "ram#0w"}


def test_a_store_sets_the_dirty_bit_in_the_op_that_fills_the_tlb() -> None:
    results, world = accesses(lambda world: world.premap(0), UserStore, UserStore)
    assert results == [WALKED, None]
    assert world.ptes() == world.tlb(0) == {0: "ram#0wd"}


def test_a_store_that_finds_the_dirty_bit_clear_in_its_tlb_entry_walks_again() -> None:
    results, world = accesses(lambda world: world.premap(0), UserLoad, UserLoad, UserStore, UserStore)
    assert results == [WALKED, True, WALKED, None]
    assert world.ptes() == {0: "ram#0wd"}


def test_without_a_pte_or_the_permission_an_access_faults() -> None:
    assert accesses(lambda world: world.premap(), UserLoad, UserStore)[0] == [FAULT, FAULT]
    results, world = accesses(lambda world: world.premap(0, writable=False), UserStore, UserLoad, UserStore)
    assert results == [FAULT, WALKED, FAULT]
    assert world.ptes() == {0: "ram#0"}


def test_an_access_through_an_entry_whose_pte_is_cleared_is_legal_until_the_flush() -> None:
    async def work(world: World) -> list[Any]:
        pte = world.vma.pte(0)
        load = UserLoad(pte, 0)
        first = [await load, await load, await ClearPte(pte), await load]
        await Flush(world.machine.cpus[0], ((world.vma, 0, 2),))
        return [*first, await load]

    ran, world, [results] = run(work, prepare=lambda world: world.premap(0))
    assert results == [WALKED, True, False, True, FAULT]
    assert ran.findings == []
    assert world.tlb(0) == {}


def test_a_flush_drops_the_entries_of_one_cpu_and_of_the_range_only() -> None:
    def prepare(world: World) -> None:
        world.premap(0, 1)
        for cpu in (0, 1):
            for index in (0, 1):
                world.cache(index, cpu)

    async def flush(world: World) -> None:
        await Flush(world.machine.cpus[1], ((world.vma, 1, 2),))

    _, world, _ = run(flush, prepare=prepare)
    assert (set(world.tlb(0)), set(world.tlb(1))) == ({0, 1}, {0})


@pytest.mark.parametrize(("cpu", "left"), [(0, (0, 1)), (1, (1, 1))])
def test_a_flush_of_ones_own_cpu_only_leaves_the_others_as_they_are(cpu: int, left: tuple[int, int]) -> None:
    def prepare(world: World) -> None:
        world.premap(0)
        world.cache(0, 0)
        world.cache(0, 1)

    async def flush(world: World) -> None:
        await FlushOwn(world.machine.cpus[cpu], ((world.vma, 0, 1),))

    _, world, _ = run(flush, prepare=prepare)
    assert (len(world.tlb(0)), len(world.tlb(1))) == left


def test_a_cpu_with_interrupts_off_answers_a_flush_later() -> None:
    order: list[str] = []

    def build(machine: Any) -> Any:
        world = World(machine)
        world.premap(0)
        world.cache(0, 1)
        order.clear()

        async def flush() -> None:
            await Flush(machine.cpus[1], ((world.vma, 0, 1),))
            order.append("flushed")

        async def busy() -> None:
            await machine.cpus[1].local_irq_disable()
            order.append("off")
            await UserLoad(world.vma.pte(0), 0)
            order.append("on")
            await machine.cpus[1].local_irq_enable()

        machine.task("flusher", flush)
        machine.task("busy", busy, cpu=1)
        return lambda: tuple(order)

    seen = {ran.observed for ran in all_executions(build)}
    assert seen == {("flushed", "off", "on"), ("off", "on", "flushed")}


def test_a_flush_of_ones_own_cpu_needs_no_interrupt() -> None:
    async def flush(world: World) -> None:
        cpu = world.machine.cpus[0]
        await cpu.local_irq_disable()
        await Flush(cpu, ((world.vma, 0, 1),))
        await cpu.local_irq_enable()

    ran, _, _ = run(flush, prepare=lambda world: world.premap(0))
    assert ran.stopped == "ended"


def test_what_a_cpu_did_before_its_answer_comes_before_what_the_flusher_does_then() -> None:
    async def other(world: World) -> None:
        await UserLoad(world.vma.pte(0), 0)

    async def flush(world: World) -> Any:
        me, they = world.machine.actors[1], world.machine.actors[0]
        they.past |= 1 << 40
        await Flush(world.machine.cpus[0], ((world.vma, 0, 1),))
        return me.past >> 40 & 1

    _, _, returned = run(other, flush, prepare=lambda world: world.premap(0), answers=Replay([1]))
    assert 1 in returned


def test_a_killed_process_makes_no_more_accesses() -> None:
    async def work(world: World) -> Any:
        await Kill(world.machine.actors[0], world.machine.faults)
        return await UserLoad(world.vma.pte(0), 0)

    _, _, [result] = run(work, prepare=lambda world: world.premap(0), kills=1)
    assert result == KILLED
