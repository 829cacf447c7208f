"""What the state graph and the bounded search have in common."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dmabuf_async import Group, Machine, from_function, settle
from dmabuf_async.explore.bounded import Bounded
from dmabuf_async.explore.graph import Graph
from dmabuf_async.scenario.program import Program

pytestmark = pytest.mark.unaudited

SEARCHES: list[Callable[[Program], Graph | Bounded]] = [Graph, lambda program: Bounded(program, preemptions=None)]


def furnish(machine: Machine, *, cancels: bool) -> None:
    counter = machine.counter("c")

    async def counts() -> None:
        await settle("begins", "begins")
        await counter.add(1)

    async def looks() -> None:
        await counter.load()

    async def gives_up() -> None:
        async with Group() as group:
            await group.spawn(looks)
            await group.cancel()

    machine.task("counts", counts)
    if cancels:
        machine.task("gives up", gives_up)


@pytest.mark.parametrize("cancels", [False, True])
@pytest.mark.parametrize("search", SEARCHES)
def test_where_somebody_settles_before_the_first_step_has_been_reached(
    search: Callable[[Program], Graph | Bounded], cancels: bool
) -> None:
    made = search(from_function(lambda machine: furnish(machine, cancels=cancels)))
    while made.advance():
        pass
    assert made.progress.reached == {("counts", "begins")}
    assert made._live == cancels


@pytest.mark.parametrize("search", SEARCHES)
def test_it_keeps_no_checkpoints_and_goes_on_from_none(search: Callable[[Program], Graph | Bounded]) -> None:
    made = search(from_function(lambda machine: furnish(machine, cancels=False)))
    made.resume(made.checkpoint())
    with pytest.raises(ValueError, match="keeps no checkpoints"):
        made.resume(b"x")
