"""TLB entries that are filled though nobody accesses the page."""

from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.paging import ClearPte, InsertPte
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.speculation import SpeculativeFill
from dmabuf_async.machine.tlb import Flush, UserLoad, entry_of
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.harness import Ran, all_executions, execute, outcomes
from tests.mapped import World

ANYBODY = Actor("the mmu", (), None, print, ())


def world(fills: int = 1, cpus: tuple[int, ...] = (0, 1)) -> World:
    return World(Machine(Sizes(cpus=3, ram=6, tlb_fills=fills)), cpus=cpus)


def candidates(world: World) -> list[str]:
    return sorted(entry.name for entry in world.machine.speculation.candidates(world.machine.mms.values()))


def test_what_may_be_filled_is_empty_entries_of_present_ptes_where_the_process_runs() -> None:
    one = world()
    assert candidates(one) == []
    one.premap(0)
    one.vma.pte(1)
    assert candidates(one) == ["cpu0.app.m[0]", "cpu1.app.m[0]"]
    one.cache(0, 0)
    assert candidates(one) == ["cpu1.app.m[0]"]


def test_no_cpu_has_the_page_tables_of_a_process_before_it_is_forked() -> None:
    one = world()
    child = one.machine.mm("child", parent=one.mm)
    child.thread(2)
    page = one.fb.pages[0]
    assert page.where is not None
    pte = one.vma.in_child(child).pte(0)
    pte.follow(page.where, page, writable=True, dirty=False)
    fill = SpeculativeFill(one.machine.speculation, entry_of(pte, one.machine.cpus[2]))
    assert (candidates(one), fill.enabled(ANYBODY)) == ([], False)
    child.born = True
    assert (candidates(one), fill.enabled(ANYBODY)) == (["cpu2.child.m[0]"], True)


def speculating(fills: int, *, flush_first: bool = False) -> Any:
    """A program: a zap of a page that nobody accesses; what the observer says is how its TLB entry ends."""

    def build(machine: Machine) -> Any:
        one = World(machine, cpus=(1,))
        one.premap(0)

        async def zap() -> None:
            ops = [ClearPte(one.vma.pte(0)), Flush(machine.cpus[1], ((one.vma, 0, 1),))]
            for op in reversed(ops) if flush_first else ops:
                await op

        machine.task("zap", zap)
        return lambda: tuple(one.tlb(1).values())

    return build, Sizes(cpus=2, tlb_fills=fills)


@pytest.mark.parametrize(
    ("flush_first", "ends"), [(False, {()}), (True, {(), ("ram#0w",)})], ids=["clear, flush", "flush, clear"]
)
def test_what_is_flushed_while_its_pte_is_there_may_come_back(flush_first: bool, ends: set[tuple[str, ...]]) -> None:
    build, sizes = speculating(1, flush_first=flush_first)
    assert set(outcomes(build, sizes=sizes)) == ends


def test_a_fill_takes_over_what_the_pte_says_and_leaves_its_dirty_bit_clear() -> None:
    one = world(2)
    one.premap(0, writable=False)
    one.premap(1, dirty=True)
    for index in (0, 1):
        entry = entry_of(one.vma.pte(index), one.machine.cpus[0])
        SpeculativeFill(one.machine.speculation, entry).apply(ANYBODY, 0)
    assert one.tlb(0) == one.ptes() == {0: "ram#0", 1: "ram#1wd"}
    assert one.machine.speculation.fills == 0
    assert candidates(one) == []


def fills(ran: Ran) -> int:
    return sum("fill tlb of" in text for text in ran.texts())


def test_fills_are_bounded_and_alone_are_no_progress() -> None:
    def build(machine: Machine) -> Any:
        one = World(machine)
        one.premap(0, 1)

        async def work() -> None:
            for _ in range(4):
                await UserLoad(one.vma.pte(0), 0)

        machine.task("work", work)

    seen = set()
    for seed in range(40):
        ran = execute(build, RandomWalk(seed), sizes=Sizes(tlb_fills=2), trace=True)
        assert ran.stopped == "ended"
        assert not ran.texts()[-1].startswith("the mmu")
        seen.add(fills(ran))
    assert max(seen) == 2


def test_who_may_fill_stands_at_the_same_place_whatever_was_touched_first() -> None:
    # PTEs and TLB entries come to be when they are first needed: in another order in another execution.
    def build(machine: Machine) -> Any:
        one = World(machine)
        one.premap()
        places = [page.where for page in one.fb.pages]

        async def map_it(index: int) -> None:
            place = places[index]
            assert place is not None
            await InsertPte(one.vma.pte(index), place, writable=True)

        machine.task("a", map_it, 0)
        machine.task("b", map_it, 1, cpu=1)
        machine.task("c", map_it, 0, cpu=1)

    paths: dict[str, set[tuple[int, ...]]] = {}
    for ran in all_executions(build, sizes=Sizes(tlb_fills=1), trace=True, checkers=()):
        for step in ran.watch.steps or ():
            if step.actor.cpu is None:
                paths.setdefault(step.op.describe(), set()).add(step.actor.path)
    assert len(paths) >= 2
    assert all(len(found) == 1 for found in paths.values())
    assert len({path for found in paths.values() for path in found}) == len(paths)
