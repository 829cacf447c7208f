"""When a PTE or a TLB entry that leads to the wrong frame is told (PROTOCOL 4, "Moments of the translation codes")."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dmabuf_async.machine.memory import Place
from dmabuf_async.machine.paging import ClearPte, CopyPte, InsertPte
from dmabuf_async.machine.tlb import Flush, UserLoad, UserStore
from tests.mapped import Work, World, run


async def where(world: World, index: int = 0) -> Place:
    place: Place | None = await world.fb.pages[index].look()
    assert place is not None
    return place


def lock(world: World) -> Any:
    assert world.fb.lock is not None
    return world.fb.lock


def told(work: Work, prepare: Callable[[World], None] | None = None) -> list[tuple[str, str, str]]:
    async def locked(world: World) -> None:
        await lock(world).lock()
        await work(world)
        await lock(world).unlock()

    ran, _, _ = run(locked, prepare=prepare or (lambda world: world.premap(0)))
    assert ran.watch.steps is not None
    kinds = {number: step.op.kind for number, step in enumerate(ran.watch.steps, 1)}
    return [
        (finding.code, finding.rule, kinds[finding.step]) for finding in ran.findings if finding.code != "frame-leak"
    ]


async def move(world: World, words: int = 2) -> tuple[Place, Place]:
    """Copy and switch page 0; the old frame is still to be freed."""
    page, old = world.fb.pages[0], await where(world)
    new: Place = await old.zone.alloc(page)
    for word in range(words):
        await page.copy(word, old, new)
    await page.switch(new)
    return old, new


def test_a_writable_pte_is_told_at_the_first_copy_and_again_at_the_switch() -> None:
    async def work(world: World) -> None:
        old, _ = await move(world)
        await ClearPte(world.vma.pte(0))
        await old.zone.release(old)

    assert told(work) == [("mapped-while-moving", "P2", "copy"), ("stale-pte", "P1", "switch")]


def test_a_pte_that_only_permits_reading_is_told_at_the_switch() -> None:
    async def work(world: World) -> None:
        old, _ = await move(world)
        await ClearPte(world.vma.pte(0))
        await old.zone.release(old)

    assert told(work, lambda world: world.premap(0, writable=False)) == [("stale-pte", "P1", "switch")]


def cached(world: World) -> None:
    world.premap(0, writable=False)
    world.cache(0, 0)


def test_a_tlb_entry_whose_pte_is_gone_is_told_at_the_free_not_at_the_switch() -> None:
    async def work(world: World) -> None:
        await ClearPte(world.vma.pte(0))
        old, _ = await move(world)
        await old.zone.release(old)

    assert told(work, cached) == [("stale-tlb", "P1", "free")]


def test_it_is_told_at_a_use_after_the_switch() -> None:
    async def work(world: World) -> None:
        pte = world.vma.pte(0)
        await ClearPte(pte)
        await UserLoad(pte, 0)
        old, _ = await move(world)
        await UserLoad(pte, 0)
        await Flush(world.machine.cpus[0], ((world.vma, 0, 1),))
        await old.zone.release(old)

    assert told(work, cached)[0] == ("stale-tlb", "P1", "load")


def test_what_was_left_at_the_free_is_told_again_when_the_frame_is_taken_anew() -> None:
    async def work(world: World) -> None:
        await ClearPte(world.vma.pte(0))
        old, _ = await move(world)
        await old.zone.release(old)
        again: Place = await old.zone.alloc(world.fb.pages[1])
        await again.zone.release(again)

    assert told(work, cached) == [
        ("stale-tlb", "P1", "free"),
        ("stale-tlb", "P1", "alloc"),
        ("stale-tlb", "P1", "free"),
    ]


def test_a_store_through_an_old_entry_that_is_writable_keeps_the_copy_from_being_right() -> None:
    def prepare(world: World) -> None:
        world.premap(0, dirty=True)
        world.cache(0, 0)

    async def work(world: World) -> None:
        await ClearPte(world.vma.pte(0))
        page, old = world.fb.pages[0], await where(world)
        new: Place = await old.zone.alloc(page)
        await page.copy(0, old, new)
        await UserStore(world.vma.pte(0), 0)
        await Flush(world.machine.cpus[0], ((world.vma, 0, 1),))
        await new.zone.release(new)

    assert told(work, prepare)[0] == ("mapped-while-moving", "P2", "copy")


@pytest.mark.parametrize("given_up", [False, True])
def test_a_pte_that_is_installed_between_the_first_copy_and_the_switch_is_told(given_up: bool) -> None:
    async def work(world: World) -> None:
        page, old = world.fb.pages[0], await where(world)
        new: Place = await old.zone.alloc(page)
        await page.copy(0, old, new)
        if given_up:  # then nothing moves any more
            await new.zone.release(new)
        await InsertPte(world.vma.pte(0), old, writable=False)
        if not given_up:
            await new.zone.release(new)

    found = told(work, lambda world: world.premap())
    assert found == ([] if given_up else [("mapped-while-moving", "P2", "insert pte")])


def test_a_pte_to_where_the_page_no_longer_is_is_told_when_it_is_inserted_or_copied() -> None:
    async def insert(world: World) -> None:
        old, _ = await move(world)
        await InsertPte(world.vma.pte(0), old, writable=False)
        await ClearPte(world.vma.pte(0))
        await old.zone.release(old)

    assert told(insert, lambda world: world.premap()) == [("stale-pte", "P2", "insert pte")]

    async def copy(world: World) -> None:
        child = world.vma.in_child(world.machine.mm("child", parent=world.mm))
        old, _ = await move(world)
        await CopyPte(world.vma.pte(0), child.pte(0))
        for vma in (world.vma, child):
            await ClearPte(vma.pte(0))
        await old.zone.release(old)

    assert told(copy, cached)[:2] == [("stale-pte", "P1", "switch"), ("stale-pte", "P2", "copy pte")]


def test_unmap_flush_copy_switch_free_is_right() -> None:
    async def work(world: World) -> None:
        await ClearPte(world.vma.pte(0))
        await Flush(world.machine.cpus[0], ((world.vma, 0, 2),))
        old, new = await move(world)
        await old.zone.release(old)
        await InsertPte(world.vma.pte(0), new, writable=True)
        await UserStore(world.vma.pte(0), 0)
        await UserStore(world.vma.pte(0), 0)

    assert told(work, cached) == []
