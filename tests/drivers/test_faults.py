from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.protocol.mm import Fault
from tests.harness import execute
from tests.mapped import World, run


@pytest.mark.parametrize(("write", "pte"), [(False, "ram#0"), (True, "ram#0w")])
def test_a_fault_maps_the_page_where_it_is_with_the_permission_that_was_missing(write: bool, pte: str) -> None:
    async def fault(world: World) -> Any:
        return await world.fb.exporter.fault(Fault(world.vma, 0, write=write))

    ran, world, returned = run(fault, prepare=lambda world: world.premap())
    assert (returned, world.ptes(), ran.findings) == (["done"], {0: pte}, [])


def test_a_page_beyond_the_end_and_one_that_is_nowhere_are_sigbus() -> None:
    async def fault(world: World) -> Any:
        beyond = await world.fb.exporter.fault(Fault(world.vma, 2, write=False))
        await world.fb.lock.lock()  # type: ignore[union-attr]
        await world.fb.pages[0].switch(None)
        await world.fb.lock.unlock()  # type: ignore[union-attr]
        return beyond, await world.fb.exporter.fault(Fault(world.vma, 0, write=False))

    _, world, returned = run(fault, prepare=lambda world: world.premap())
    assert returned == [("sigbus", "sigbus")]
    assert world.ptes() == {}
    assert world.fb.lock is not None
    assert world.fb.lock.owner is None


@pytest.mark.parametrize(("visible", "result"), [(True, "done"), (False, "sigbus")])
def test_a_page_in_memory_that_cpus_do_not_reach_is_sigbus(visible: bool, result: str) -> None:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("fb")
        StaticExporter(machine, buffer, "vram")
        mm = machine.mm("p")
        vma = mm.region("m", buffer, 0, buffer.size, write=True)
        returned: list[str] = []

        async def touch() -> None:
            returned.append(await buffer.exporter.fault(Fault(vma, 0, write=False)))

        machine.task("p", touch, user=True)
        return lambda: (returned, vma.pte(0).place is not None)

    ran = execute(build, sizes=Sizes(vram=1, cpu_visible=visible))
    assert ran.observed == ([result], visible)
