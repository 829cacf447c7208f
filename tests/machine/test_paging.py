from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.checkers.locking import MissingLock
from dmabuf_async.machine.paging import ClearPte, CopyPte, InsertPte, LookDirty, WriteProtect
from tests.mapped import World, run


@pytest.mark.parametrize(("dirty", "told"), [(False, False), (True, True)])
def test_clearing_a_pte_takes_the_dirty_bit_in_the_same_op(dirty: bool, told: bool) -> None:
    async def clear(world: World) -> Any:
        pte = world.vma.pte(0)
        return await LookDirty(pte), await ClearPte(pte), await ClearPte(pte), await LookDirty(pte)

    _, world, [result] = run(clear, prepare=lambda world: world.premap(0, dirty=dirty))
    assert result == (told, told, None, None)
    assert world.ptes() == {}
    assert world.fb.pages[0].where is not None
    assert world.fb.pages[0].where.rmap.entries == frozenset()


@pytest.mark.parametrize(
    ("dirty", "back", "after"),
    [(True, None, "ram#0d"), (False, None, "ram#0"), (True, False, "ram#0")],
    ids=["dirty", "clean", "written back as it was read"],
)
def test_a_pte_loses_its_permission_and_not_its_dirty_bit(dirty: bool, back: bool | None, after: str) -> None:
    async def protect(world: World) -> None:
        pte = world.vma.pte(0)
        await WriteProtect(pte, dirty=back)
        await WriteProtect(pte)
        await WriteProtect(world.vma.pte(1))

    _, world, _ = run(protect, prepare=lambda world: world.premap(0, dirty=dirty))
    assert world.ptes() == {0: after}
    page = world.fb.pages[0]
    assert page.where is not None
    assert page.where.rmap.entries == {(world.vma.pte(0), False)}
    assert world.vma.pte(0).page is page


def insertion(*, locked: bool = True, write: bool = True, before: bool | None = None) -> tuple[Any, World]:
    """One insertion of the PTE of page 0, where there was none, or one that was writable or not."""

    async def insert(world: World) -> None:
        if locked:
            await world.fb.lock.lock()  # type: ignore[union-attr]
        place = await world.fb.pages[0].look()
        assert place is not None
        await InsertPte(world.vma.pte(0), place, writable=write)
        if locked:
            await world.fb.lock.unlock()  # type: ignore[union-attr]

    def prepare(world: World) -> None:
        if before is None:
            world.premap()
        else:
            world.premap(0, writable=before, dirty=before)

    ran, world, _ = run(insert, prepare=prepare, checkers=(MissingLock(),))
    return ran, world


@pytest.mark.parametrize(
    ("before", "write", "after"),
    [(None, False, "ram#0"), (None, True, "ram#0w"), (False, True, "ram#0w"), (True, False, "ram#0wd")],
)
def test_an_inserted_pte_is_clean_and_one_that_is_there_only_gains_permission(
    before: bool | None, write: bool, after: str
) -> None:
    assert insertion(write=write, before=before)[1].ptes() == {0: after}


def test_a_pte_gains_no_permission_that_its_vma_does_not_have() -> None:
    async def insert(world: World) -> None:
        await world.fb.lock.lock()  # type: ignore[union-attr]
        place = await world.fb.pages[0].look()
        assert place is not None
        await InsertPte(world.vma.pte(0), place, writable=True)

    def prepare(world: World) -> None:
        world.premap()
        world.vma.writable = False

    _, world, _ = run(insert, prepare=prepare)
    assert world.ptes() == {0: "ram#0"}


def test_an_insertion_without_the_lock_of_the_buffer_is_a_finding() -> None:
    ran, _ = insertion(locked=False)
    [finding] = ran.findings
    assert (finding.code, finding.rule) == ("missing-lock", "P2")
    assert insertion()[0].findings == []


def test_a_pte_beyond_the_end_of_the_buffer_is_a_bad_range() -> None:
    async def insert(world: World) -> None:
        await world.fb.lock.lock()  # type: ignore[union-attr]
        place = await world.fb.pages[0].look()
        assert place is not None
        await InsertPte(world.vma.pte(2), place, writable=True)

    ran, _, _ = run(insert, prepare=lambda world: world.premap())
    assert [(finding.code, finding.rule) for finding in ran.findings] == [("bad-range", "P11")]


def test_a_copied_pte_has_the_permission_and_not_the_dirty_bit() -> None:
    async def copy(world: World) -> Any:
        child = world.vma.in_child(world.machine.mm("child", parent=world.mm))
        copied = [await CopyPte(world.vma.pte(index), child.pte(index)) for index in (0, 1)]
        pte = child.pte(0)
        return (*copied, pte)

    _, world, [(first, second, pte)] = run(copy, prepare=lambda world: world.premap(0, dirty=True))
    assert (first, second) == (True, False)
    assert (pte.place.name, pte.writable, pte.dirty) == ("ram#0", True, False)
    assert world.ptes() == {0: "ram#0wd"}
