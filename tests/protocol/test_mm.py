from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.errors import KernelError, Signalled
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.mm import FaultCall
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.machine.tlb import WALKED, UserStore
from dmabuf_async.protocol import mm as core
from tests.harness import Ran, all_executions, execute
from tests.mapped import World, run
from tests.moving import MovingExporter


def texts(ran: Ran, *words: str) -> list[str]:
    """The steps that one of these words begins, without the name of the actor."""
    steps = (text.partition(": ")[2] for text in ran.texts())
    return [step for step in steps if step.startswith(words)]


async def life(world: World) -> None:
    await core.mmap(world.vma)
    await core.store(world.vma, 1, 0)
    await core.munmap(world.vma)


def test_mmap_links_the_vma_under_both_locks_and_takes_a_reference() -> None:
    async def mmap(world: World) -> None:
        await core.mmap(world.vma)

    ran, world, _ = run(mmap)
    assert texts(ran, "down", "up", "link", "dma") == [
        "down_write app.mmap_lock", "dma_buf_get fb", "down_write fb.i_mmap_rwsem", "link vma app.m",
        "up_write fb.i_mmap_rwsem", "up_write app.mmap_lock",
    ]  # fmt: skip
    assert (world.fb.references, world.vma.pages) == (2, 2)


def test_munmap_flushes_before_it_unlinks_and_drops_the_reference_last() -> None:
    ran, world, _ = run(life)
    assert texts(ran, "clear", "flush", "unlink", "dma_buf_put") == [
        "clear pte app.m[0]", "clear pte app.m[1]", "flush tlb of cpu0", "flush tlb of cpu1", "unlink vma app.m",
        "dma_buf_put fb",
    ]  # fmt: skip
    assert (world.fb.references, world.ptes(), world.tlb(0)) == (1, {}, {})


def test_munmap_of_what_is_not_mapped_does_nothing() -> None:
    async def munmap(world: World) -> None:
        await core.munmap(world.vma)

    ran, _, _ = run(munmap)
    assert texts(ran, "down", "munmap", "up", "clear") == [
        "down_write app.mmap_lock", "munmap app.m", "up_write app.mmap_lock",
    ]  # fmt: skip


def test_an_access_faults_fills_the_tlb_and_is_tried_again() -> None:
    ran, _, _ = run(life)
    assert texts(ran, "store", "write fault", "insert", "lock", "unlock") == [
        "store word 0 of app.m[1]", "write fault at app.m[1]", "lock fb.lock", "insert pte app.m[1] = ram#1, write",
        "unlock fb.lock", "store word 0 of app.m[1]", "store word 0 of app.m[1]",
    ]  # fmt: skip


def test_an_exporter_without_the_callback_lets_nobody_map_its_buffer() -> None:
    class Shy:
        async def release(self, buffer: Any) -> None: ...

    async def mmap(world: World) -> None:
        with pytest.raises(KernelError, match="EINVAL"):
            await core.mmap(world.vma)

    def prepare(world: World) -> None:
        world.fb.exporter = Shy()

    ran, world, _ = run(mmap, prepare=prepare)
    assert (world.fb.references, world.vma.pages) == (1, 0)
    assert texts(ran, "up") == ["up_write app.mmap_lock"]


def test_an_access_beyond_the_mapping_is_a_signal_and_leaves_no_lock_behind() -> None:
    async def work(world: World) -> str:
        await core.mmap(world.vma)
        with pytest.raises(Signalled) as caught:
            await core.load(world.vma, 2, 0)
        await core.munmap(world.vma)
        return caught.value.signal

    ran, _, returned = run(work)
    assert (returned, ran.findings, ran.stopped) == (["SIGSEGV"], [], "ended")


def test_a_page_that_the_buffer_does_not_have_is_sigbus() -> None:
    async def work(world: World) -> str:
        world.machine.defects = frozenset({"mmap-unchecked"})
        vma = world.mm.region("n", world.fb, 0, 3 * PAGE_SIZE)
        await core.mmap(vma)
        with pytest.raises(Signalled) as caught:
            await core.store(vma, 2, 0)
        await core.munmap(vma)
        return caught.value.signal

    assert run(work)[2] == ["SIGBUS"]


def test_mremap_zaps_what_it_cuts_off() -> None:
    async def work(world: World) -> None:
        await core.mmap(world.vma)
        await core.load(world.vma, 1, 0)
        await core.mremap(world.vma, 1)
        with pytest.raises(Signalled):
            await core.load(world.vma, 1, 0)
        with pytest.raises(KernelError, match="EINVAL"):
            await core.mremap(world.vma, 2)

    ran, world, _ = run(work)
    assert (world.vma.pages, world.ptes(), world.tlb(0)) == (1, {}, {})
    assert ran.findings == []


def test_mprotect_takes_the_permission_from_each_pte_and_then_flushes() -> None:
    def prepare(world: World) -> None:
        world.premap(0, 1, dirty=True)
        world.cache(0, 1)

    async def work(world: World) -> None:
        await core.mprotect(world.vma, write=False)
        assert await core.load(world.vma, 0, 0)
        with pytest.raises(Signalled, match="SIGSEGV"):
            await core.store(world.vma, 0, 0)
        await core.mprotect(world.vma, write=True)
        await core.store(world.vma, 0, 0)

    ran, world, _ = run(work, prepare=prepare)
    assert texts(ran, "down_write", "mprotect", "write-protect", "flush", "up_write") == [
        "down_write app.mmap_lock", "mprotect app.m, read", "write-protect pte app.m[0]", "write-protect pte app.m[1]",
        "flush tlb of cpu0", "flush tlb of cpu1", "up_write app.mmap_lock",
        "down_write app.mmap_lock", "mprotect app.m, write", "up_write app.mmap_lock",
    ]  # fmt: skip
    assert (world.ptes(), world.tlb(1), ran.findings) == ({0: "ram#0wd", 1: "ram#1d"}, {}, [])


def test_an_mprotect_that_is_refused_leaves_no_lock_behind() -> None:
    async def work(world: World) -> None:
        part = world.mm.region("n", world.fb, write=False)
        with pytest.raises(KernelError, match="ENOMEM"):
            await core.mprotect(part, write=False)
        await core.mmap(part)
        with pytest.raises(KernelError, match="EACCES"):
            await core.mprotect(part, write=True)
        await core.munmap(part)

    ran, world, _ = run(work)
    assert (ran.findings, ran.stopped, world.mm.mmap_lock.writer) == ([], "ended", None)
    assert texts(ran, "flush", "write-protect") == ["flush tlb of cpu0", "flush tlb of cpu1"]  # of munmap


def test_a_dirty_bit_that_mprotect_reads_and_writes_back_can_be_lost() -> None:
    def observed(*defects: str) -> set[tuple[bool, bool]]:
        """Whether the store had set the dirty bit, and whether it is set at the end."""

        def build(machine: Machine) -> Any:
            world = World(machine, 1)
            world.premap(0)
            machine.defects = frozenset(defects)
            seen: list[Any] = []

            async def store() -> None:
                seen.append(await UserStore(world.vma.pte(0), 0) == WALKED)

            async def protect() -> None:
                await core.mprotect(world.vma, write=False)

            machine.task("app", store, user=True)
            machine.task("thread", protect, cpu=1)
            return lambda: (True in seen, world.vma.pte(0).dirty)

        return {ran.observed for ran in all_executions(build, sizes=Sizes(words=1))}

    assert observed() == {(True, True), (False, False)}
    assert observed("mprotect-loses-dirty") == {(True, True), (False, False), (True, False)}


def test_fork_links_the_child_after_its_parent_and_copies_the_ptes_one_by_one() -> None:
    async def work(world: World) -> None:
        await core.mmap(world.vma)
        await core.load(world.vma, 0, 0)
        child = world.machine.mm("child", parent=world.mm)
        await core.fork(world.mm, child)
        assert [vma.name for vma in (world.vma, child.find("m"))] == ["app.m", "child.m"]

    ran, world, _ = run(work)
    forked = texts(ran, "down_write", "link", "copy", "let")[-6:]
    assert forked[1:] == [
        "down_write fb.i_mmap_rwsem", "link vma child.m", "copy pte app.m[0] to child.m[0]",
        "copy pte app.m[1] to child.m[1]", "let child run",
    ]  # fmt: skip
    assert [vma.name for vma in world.machine.address_space("fb").vmas] == ["app.m", "child.m"]
    assert world.fb.references == 3


def test_a_zap_clears_each_pte_and_then_flushes_each_cpu_once() -> None:
    async def zap(world: World) -> Any:
        return await core.unmap_mapping_range(world.fb)

    def prepare(world: World) -> None:
        world.premap(0, 1)
        world.vma.pte(1).dirty = True
        for cpu in (0, 1):
            world.cache(0, cpu)

    ran, world, [dirty] = run(zap, prepare=prepare)
    assert dirty == (1,)
    assert texts(ran, "clear", "flush", "down", "up") == [
        "down_read fb.i_mmap_rwsem", "clear pte app.m[0]", "clear pte app.m[1]", "flush tlb of cpu0",
        "flush tlb of cpu1", "up_read fb.i_mmap_rwsem",
    ]  # fmt: skip
    assert world.ptes() == world.tlb(0) == world.tlb(1) == {}


def test_a_zap_of_some_pages_leaves_the_others() -> None:
    async def zap(world: World) -> Any:
        return await core.unmap_mapping_range(world.fb, 1, 2)

    _, world, _ = run(zap, prepare=lambda world: world.premap(0, 1))
    assert world.ptes() == {0: "ram#0w"}


def test_a_machine_without_user_processes_makes_no_step_for_a_zap() -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        MovingExporter(machine, buffer)

        async def zap() -> None:
            assert await core.unmap_mapping_range(buffer) == ()

        machine.task("a", zap)

    assert execute(build).core.steps == 0


def test_a_dirty_bit_that_is_read_before_it_is_cleared_can_be_lost() -> None:
    def observed(*defects: str) -> set[tuple[bool, bool]]:
        """Whether the store had set the dirty bit when the PTE was cleared, and whether the zap says so."""

        def build(machine: Machine) -> Any:
            world = World(machine, 1)
            world.premap(0)
            machine.defects = frozenset(defects)
            seen: list[Any] = []

            async def store() -> None:
                seen.append(await UserStore(world.vma.pte(0), 0) == WALKED)

            async def zap() -> None:
                seen.append(await core.unmap_mapping_range(world.fb))

            machine.task("app", store, user=True)
            machine.task("zapper", zap, cpu=1)
            return lambda: (True in seen, (0,) in seen)

        return {ran.observed for ran in all_executions(build, sizes=Sizes(words=1))}

    assert observed() == {(True, True), (False, False)}
    assert observed("dirty-bit-lost") == {(True, True), (False, False), (True, False)}


@pytest.mark.parametrize("defects", [(), ("retries",)])
def test_a_fault_waits_for_a_move_or_is_tried_again_after_it(defects: tuple[str, ...]) -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        exporter = MovingExporter(machine, buffer, defects=defects)
        mm = machine.mm("app")
        mm.thread(0)
        vma = mm.region("m", buffer)
        space = machine.address_space("fb")
        vma.pages, vma.writable, vma.space, space.vmas, mm.vmas = 1, True, space, (vma,), (vma,)
        buffer.references += 1

        async def store() -> None:
            await core.store(vma, 0, 0)

        machine.task("app", store, user=True)
        machine.task("mover", exporter.move, cpu=1)
        return lambda: (buffer.references, mm.mmap_lock.readers, exporter.lock.owner)

    seen = set()
    for seed in range(150):
        ran = execute(build, [seed >> bit & 1 for bit in range(8)] * 6, trace=True)
        assert (ran.findings, ran.stopped, ran.observed) == ([], "ended", (2, (), None))
        seen.add("app: dma_buf_get fb" in ran.texts())  # it gave mmap_lock back
    assert seen == ({True, False} if defects else {False})


def test_a_running_fault_that_gave_mmap_lock_back_holds_a_reference() -> None:
    async def fault(world: World) -> Any:
        await world.mm.mmap_lock.down_read()
        index = await FaultCall(world.vma, 1, write=True)
        own = core.Fault(world.vma, index, write=True)
        await own.drop_mmap_lock()
        return own.index, own.page is world.fb.pages[1], own.write

    _, world, [told] = run(fault, prepare=lambda world: world.premap())
    assert told == (1, True, True)
    assert (world.fb.references, world.mm.mmap_lock.readers) == (3, ())


def test_the_last_thread_unmaps_all_that_is_left() -> None:
    async def leave(world: World) -> None:
        await core.exit_mm(world.mm)

    ran, world, _ = run(leave, leave, prepare=lambda world: world.premap(0))
    assert len(texts(ran, "munmap")) == 1
    assert (world.mm.vmas, world.fb.references, world.ptes()) == ((), 1, {})
