"""Actors that go by their tables: what tables hold, and who breaks the promise that settled values are."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import pytest

from dmabuf_async import Group, Machine, from_function, settle
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.advancing import Untabled
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import AuditError
from dmabuf_async.explore.graph import Graph
from dmabuf_async.scenario.program import Program

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none


def stepper(program: Program) -> Stepper:
    machine = program.machines()()
    machine.tabled = True
    return Stepper(machine, Watch(machine, CHECKERS), {})


def test_groups_are_more_than_tables_hold() -> None:
    def furnish(machine: Machine) -> None:
        async def child() -> None:
            await machine.counter("never").load()

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child)

        machine.task("parent", parent)

    with pytest.raises(Untabled):
        stepper(from_function(furnish))


def test_no_coroutine_is_left_suspended() -> None:
    ended = []

    def furnish(machine: Machine) -> None:
        cell = machine.counter("c")

        async def work() -> None:
            try:
                await cell.add(1)
                await cell.add(1)
            finally:
                ended.append("unwound")

        machine.task("work", work)

    walk = stepper(from_function(furnish))
    walk.make(walk.moves()[0])
    assert not ended
    walk.close()
    assert ended == ["unwound"]


def complete(graph: Graph) -> None:
    while graph.advance():
        pass


@pytest.mark.parametrize(("forgets", "names"), [(True, "worker settled twice with 'round'"), (False, "")])
def test_whoever_settles_with_less_than_its_future_depends_on_is_named(forgets: bool, names: str) -> None:
    def furnish(machine: Machine) -> None:
        one, two = machine.counter("one"), machine.counter("two")

        async def work() -> None:
            for number in range(3):
                await settle("round" if forgets else ("round", number), "round")
                await (two if number == 2 else one).add(1)

        machine.task("worker", work)

    graph = Graph(from_function(furnish))
    with pytest.raises(AuditError, match=names) if names else nullcontext():
        complete(graph)
    graph.close()


def test_a_cancellation_that_is_not_the_cores_is_an_exception_like_others() -> None:
    def furnish(machine: Machine) -> None:
        async def task() -> None:
            raise asyncio.CancelledError

        machine.task("task", task)

    made = stepper(from_function(furnish))
    assert [finding.code for finding in made.seen.findings] == ["unhandled-exception"]


def test_an_interrupt_passes() -> None:
    def furnish(machine: Machine) -> None:
        async def task() -> None:
            raise KeyboardInterrupt

        machine.task("task", task)

    with pytest.raises(KeyboardInterrupt):
        stepper(from_function(furnish))
