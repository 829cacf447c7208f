from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.errors import KernelError, ScenarioError
from dmabuf_async.machine.mm import FaultCall, LinkVma, MmapCall, MprotectCall, MremapCall
from dmabuf_async.machine.sizes import PAGE_SIZE
from tests.mapped import World, run


def refused(offset: int, length: int, *, shared: bool = True, unchecked: bool = False) -> str:
    async def call(world: World) -> str:
        vma = world.mm.region("n", world.fb, offset, length)
        try:
            await MmapCall(vma, shared=shared, unchecked=unchecked)
        except KernelError as error:
            return error.errno
        return ""

    return str(run(call)[2][0])


@pytest.mark.parametrize(
    ("offset", "length"),
    [(0, 0), (0, -PAGE_SIZE), (-PAGE_SIZE, PAGE_SIZE), (1, PAGE_SIZE), (0, 3 * PAGE_SIZE), (PAGE_SIZE, 2 * PAGE_SIZE)],
)
def test_mmap_refuses_what_is_not_a_range_of_the_buffer(offset: int, length: int) -> None:
    assert refused(offset, length) == "EINVAL"


def test_mmap_takes_whole_pages_of_the_buffer_and_rounds_the_length_up() -> None:
    assert [refused(0, 2 * PAGE_SIZE), refused(PAGE_SIZE, PAGE_SIZE), refused(0, 1)] == ["", "", ""]


def test_a_private_mapping_is_refused() -> None:
    assert refused(0, PAGE_SIZE, shared=False) == "EINVAL"


def test_what_is_mapped_already_is_not_mapped_again() -> None:
    async def call(world: World) -> None:
        with pytest.raises(KernelError, match="EINVAL"):
            await MmapCall(world.vma, shared=True, unchecked=False)

    run(call, prepare=lambda world: world.premap())


@pytest.mark.parametrize("pages", [0, 3])
def test_a_mapping_does_not_grow(pages: int) -> None:
    async def call(world: World) -> None:
        with pytest.raises(KernelError, match="EINVAL"):
            await MremapCall(world.vma, pages, unchecked=False)

    ran, world, _ = run(call, prepare=lambda world: world.premap())
    assert (ran.findings, world.vma.pages) == ([], 2)


def test_growing_it_nevertheless_is_a_finding() -> None:
    async def call(world: World) -> None:
        assert await MremapCall(world.vma, 3, unchecked=True) == 2

    ran, _, _ = run(call, prepare=lambda world: world.premap())
    assert [(finding.code, finding.rule) for finding in ran.findings] == [("bad-range", "P11")]


def test_mprotect_says_how_many_pages_are_to_lose_their_permission() -> None:
    async def call(world: World) -> list[Any]:
        asked = [False, False, True, True, False]
        return [await MprotectCall(world.vma, write=write) for write in asked]

    ran, world, [found] = run(call, prepare=lambda world: world.premap())
    assert found == [2, 0, 0, 0, 2]
    assert (world.vma.writable, ran.findings) == (False, [])


def test_mprotect_of_nothing_or_of_what_is_for_reading_only_is_refused() -> None:
    async def call(world: World) -> list[str]:
        part = world.mm.region("n", world.fb, write=False)
        found = []
        for link in (False, True):
            if link:
                await LinkVma(part, world.machine.address_space("fb"))
            for write in (True, False):
                try:
                    await MprotectCall(part, write=write)
                except KernelError as error:
                    found.append(error.errno)
                else:
                    found.append("")
        return found

    assert run(call)[2] == [["ENOMEM", "ENOMEM", "EACCES", ""]]


def test_what_is_forked_is_as_long_and_as_writable_as_its_parent_is_by_now() -> None:
    async def call(world: World) -> int:
        await MremapCall(world.vma, 1, unchecked=False)
        await MprotectCall(world.vma, write=False)
        copy = world.vma.in_child(world.machine.mm("child", parent=world.mm))
        pages: int = await LinkVma(copy, world.machine.address_space("fb"), world.vma)
        return pages

    _, world, pages = run(call, prepare=lambda world: world.premap())
    copy = world.vma.in_child(world.machine.mms["child"])
    assert (pages, copy.pages, copy.writable) == ([1], 1, False)


def test_a_fault_finds_the_page_of_the_buffer_or_ends_in_a_signal() -> None:
    async def call(world: World) -> list[Any]:
        part = world.mm.region("n", world.fb, PAGE_SIZE, PAGE_SIZE, write=False)
        await LinkVma(part, world.machine.address_space("fb"))
        found = [await FaultCall(part, index, write=write) for index, write in ((0, False), (0, True), (1, False))]
        return [*found, await FaultCall(world.vma, 0, write=False)]

    assert run(call)[2] == [[1, "SIGSEGV", "SIGSEGV", "SIGSEGV"]]


def test_a_name_stands_for_one_range_of_addresses() -> None:
    async def call(world: World) -> None:
        assert world.mm.region("m", world.fb) is world.vma
        with pytest.raises(ScenarioError, match="app maps two different things as 'm'"):
            world.mm.region("m", world.fb, PAGE_SIZE)
        with pytest.raises(ScenarioError, match="app maps nothing as 'n'"):
            world.mm.find("n")

    run(call)


def test_a_forked_process_has_the_ranges_of_its_parent_by_the_same_names() -> None:
    async def call(world: World) -> None:
        child = world.machine.mm("child", parent=world.mm)
        vma = child.find("m")
        assert vma is child.find("m")
        assert (vma.name, vma.buffer, vma.size) == ("child.m", world.fb, 2)

    run(call)


def test_the_overlap_of_a_vma_with_pages_of_the_buffer_counts_from_its_start() -> None:
    async def call(world: World) -> None:
        part = world.mm.region("n", world.fb, PAGE_SIZE, PAGE_SIZE)
        assert [part.overlap(0, 2), part.overlap(0, 1), part.overlap(1, 2)] == [range(1), range(0), range(1)]
        assert list(world.vma.overlap(1, 2)) == [1]

    run(call)


def test_an_object_made_during_a_run_is_there_again_after_a_reset() -> None:
    async def call(world: World) -> None:
        await LinkVma(world.mm.region("n", world.fb), world.machine.address_space("fb"))

    ran, world, _ = run(call)
    vma = world.mm.find("n")
    assert vma.pages == 2
    ran.machine.reset()
    assert (vma.pages, world.mm.vmas, ran.machine.things["vma app.n"]) == (0, (), vma)
