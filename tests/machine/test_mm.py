from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.errors import KernelError, ScenarioError
from dmabuf_async.machine.mm import AwaitFork, Bear, ExitMm, FaultCall, LinkVma, MmapCall, MremapCall, NextRegion
from dmabuf_async.machine.sizes import PAGE_SIZE
from tests.harness import outcomes
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


def test_the_last_thread_that_leaves_is_told_so() -> None:
    async def leave(world: World) -> bool:
        return bool(await ExitMm(world.mm))

    assert run(leave, leave)[2] == [False, True]


def test_the_walk_over_what_is_mapped_meets_each_once() -> None:
    async def walk(world: World) -> list[str]:
        await LinkVma(world.mm.region("n", world.fb), world.machine.address_space("fb"))
        found, vma = [], await NextRegion(world.mm)
        while vma is not None:
            found.append(vma.region)
            vma = await NextRegion(world.mm, vma)
        return found

    assert run(walk, prepare=lambda world: world.premap())[2] == [["m", "n"]]


@pytest.mark.parametrize("born", [True, False])
def test_a_forked_process_begins_when_it_was_forked_and_never_if_it_was_not(born: bool) -> None:
    def build(machine: Any) -> Any:
        world, order = World(machine), []
        child = machine.mm("child", parent=world.mm)

        async def fork() -> None:
            order.append("fork")
            await Bear(child, born=born)

        async def begin() -> None:
            order.append(await AwaitFork(child))

        child.forker = machine.task("parent", fork)
        machine.task("child", begin, cpu=1)
        return lambda: tuple(order)

    assert set(outcomes(build)) == {("fork", born)}


def test_an_object_made_during_a_run_is_there_again_after_a_reset() -> None:
    async def call(world: World) -> None:
        await LinkVma(world.mm.region("n", world.fb), world.machine.address_space("fb"))

    ran, world, _ = run(call)
    vma = world.mm.find("n")
    assert vma.pages == 2
    ran.machine.reset()
    assert (vma.pages, world.mm.vmas, ran.machine.things["vma app.n"]) == (0, (), vma)
