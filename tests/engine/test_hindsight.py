from __future__ import annotations

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.tasks import Group
from tests.brute import program_of
from tests.reduction import reduced, wrong

pytestmark = pytest.mark.unaudited  # what is imagined is read in the middle of a step


@pytest.mark.parametrize("naps", [(1,), (1, 1), (2, 0)])
def test_what_a_cancellation_touches_depends_on_where_those_stand_whom_it_reaches(naps: tuple[int, ...]) -> None:
    """Before the child sleeps it leaves the clock alone, and the other sleeper has nothing to do with it."""

    def build(machine: Machine) -> None:
        cell = machine.cell("x")

        async def child() -> None:
            for ticks in naps:
                await (machine.clock.sleep(ticks) if ticks else cell.store(1))

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child)
                await group.cancel()

        machine.task("sleeper", machine.clock.sleep, 1)
        machine.task("parent", parent)

    assert wrong(build) == []


def test_whoever_sleeps_after_it_cancelled_one_that_slept_is_explored_in_all_orders() -> None:
    """Classes were lost here, in which the clock goes on before the child sleeps."""

    def build(machine: Machine) -> None:
        cell = machine.counter("x")

        async def child() -> None:
            await cell.add(1)
            await machine.clock.sleep(2)

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child)
                await group.cancel()
            await machine.clock.sleep(2)

        machine.task("sleeper", machine.clock.sleep, 1)
        machine.task("parent", parent, cpu=1)

    search = reduced(program_of(build))
    assert (search.classes, len(search.seen), search.progress.executions) == (119, 119, 119)
