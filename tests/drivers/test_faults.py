from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.protocol.mm import Fault
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
