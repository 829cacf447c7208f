from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.process import UserProcess
from dmabuf_async.errors import KernelError, Killed
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.tasks import UserMode
from tests.harness import all_executions
from tests.mapped import World, run


async def living(own: UserProcess, world: World) -> None:
    await own.mmap("m", world.fb, 0, world.fb.size)
    await own.store("m", 0, 0)
    await own.load("m", 0, 0)


def test_what_a_task_has_mapped_is_what_it_settles_with() -> None:
    async def work(world: World) -> list[Any]:
        own = UserProcess(world.mm)
        told = [own.holds()]
        await own.mmap("m", world.fb, 0, world.fb.size)
        told.append(own.holds())
        await own.munmap("m")
        return [*told, own.holds()]

    assert run(work)[2] == [[((), ()), (("m",), ()), ((), ())]]


def test_the_exit_path_unmaps_and_drops_the_references() -> None:
    async def work(world: World) -> None:
        own = UserProcess(world.mm)
        await living(own, world)
        await own.unwind()

    def prepare(world: World) -> None:
        world.mm.users = 1

    ran, world, _ = run(work, prepare=prepare)
    assert (world.fb.references, world.mm.vmas, world.ptes(), world.tlb(0)) == (1, (), {}, {})
    assert ran.findings == []


def test_a_mapping_that_was_refused_is_not_remembered() -> None:
    async def work(world: World) -> None:
        own = UserProcess(world.mm)
        with pytest.raises(KernelError, match="EINVAL"):
            await own.mmap("n", world.fb, 0, 3 * PAGE_SIZE)
        assert own.holds() == ((), ())

    run(work)


def test_wherever_it_is_killed_nothing_is_left_behind() -> None:
    """A kill takes effect between accesses and steps, and the exit path is the same."""

    def build(machine: Machine) -> Any:
        world = World(machine, 1, cpus=(0,))

        async def work() -> None:
            own = UserProcess(world.mm)
            try:
                await UserMode()
                await living(own, world)
            except Killed:
                pass
            await own.unwind()

        machine.task("app", work, user=True)
        return lambda: (world.fb.references, world.mm.vmas, world.ptes(), world.mm.mmap_lock.writer)

    executions = list(all_executions(build, sizes=Sizes(kills=1)))
    assert [ran.observed for ran in executions if ran.observed != (1, (), {}, None)] == []
    assert [ran.findings for ran in executions if ran.findings] == []
    # Before mmap, before the store, between its walk and the access, before the load, and never.
    assert len({ran.core.steps for ran in executions}) == 5


def test_a_process_that_forks_lets_its_child_begin_and_one_that_does_not_tells_it_so() -> None:
    def ends(forks: bool) -> list[Any]:
        told: list[Any] = []

        async def parent(world: World) -> None:
            child = world.machine.mms["child"]
            own = UserProcess(world.mm, (child,))
            await own.mmap("m", world.fb, 0, world.fb.size)
            if forks:
                await own.fork(child)
                with pytest.raises(KernelError, match="EINVAL"):
                    await own.fork(child)
            await own.unwind()

        async def born(world: World) -> None:
            own = UserProcess(world.machine.mms["child"])
            told.append(await own.begin())
            if told[-1]:
                await own.load("m", 0, 0)
                await own.unwind()

        def prepare(world: World) -> None:
            world.mm.users = 1
            world.machine.mm("child", parent=world.mm).thread(1)

        ran, world, _ = run(parent, born, prepare=prepare)
        assert (ran.stopped, ran.findings, world.fb.references) == ("ended", [], 1)
        return told

    assert (ends(True), ends(False)) == ([True], [False])
