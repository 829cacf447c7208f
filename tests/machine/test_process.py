from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.mm import LinkVma
from dmabuf_async.machine.process import AwaitFork, Bear, ExitMm, NextRegion
from tests.harness import outcomes
from tests.mapped import World, run


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
