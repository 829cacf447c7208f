"""Actors that go by their tables: what tables hold, and who breaks the promise that settled values are."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace

import pytest

from dmabuf_async import Group, Machine, check, from_function, settle
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.advancing import Untabled
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import AuditError
from dmabuf_async.explore.graph import Graph
from dmabuf_async.machine.cells import Cell
from dmabuf_async.scenario.program import Program
from dmabuf_async.tasks import Join

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none


def stepper(program: Program) -> Stepper:
    machine = program.machines()()
    machine.tabled = True
    return Stepper(machine, Watch(machine, CHECKERS), {})


def through(walk: Stepper) -> None:
    """Whoever comes first, to the end."""
    try:
        while moves := walk.moves():
            walk.make(moves[0])
    finally:
        walk.close()


def test_children_go_by_tables_of_their_own_whenever_they_are_born() -> None:
    begun = []

    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def child(amount: int) -> None:
            begun.append(amount)
            await counter.add(amount)

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child, 1)
                await group.spawn(child, 2)

        machine.task("parent", parent)

    machines = replace(from_function(furnish), reusable=True).machines()
    for _ in range(3):
        machine = machines()
        through(Stepper(machine, Watch(machine, CHECKERS), {}))
        assert [cell.value for cell in machine.cells] == [3]
        assert begun == [1, 2]


def families(machine: Machine) -> None:
    counter = machine.counter("c")

    async def child(amount: int) -> None:
        await counter.add(amount)

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(child, 1)
            known = await counter.load()
            await group.spawn(child, 2)
            assert [child.name[3:] for child in group.children] == ["/0", "/1"]
            assert known in {0, 1, 2, 3, 4}

    for name in ("one", "two"):
        machine.task(name, parent)


def test_a_group_shows_its_children_to_whichever_coroutine_looks() -> None:
    graph = Graph(from_function(families))
    complete(graph)
    assert not graph._live
    assert not graph.progress.failures


def test_who_can_go_on_stands_in_the_order_of_paths() -> None:
    walk = stepper(from_function(families))
    for path in [(1,), (1,), (0,), (0,)]:  # the second parent has its child first
        walk.make(next(move for move in walk.moves() if move[0].path == path))
    assert [actor.path for actor, _ in walk.moves()] == [(0,), (0, 0), (1,), (1, 0)]
    walk.close()


def test_a_group_that_was_open_at_the_end_is_as_new_in_the_next_execution() -> None:
    machines = replace(from_function(families), reusable=True).machines()
    machine = machines()
    walk = Stepper(machine, Watch(machine, CHECKERS), {})
    while not any(isinstance(actor.op, Join) for actor in walk.actors):
        walk.make(walk.moves()[0])
    walk.close()
    machine = machines()
    through(Stepper(machine, Watch(machine, CHECKERS), {}))
    assert [cell.value for cell in machine.cells] == [6]


def test_a_group_that_is_cancelled_is_more_than_tables_hold() -> None:
    def furnish(machine: Machine) -> None:
        async def parent() -> None:
            async with Group() as group:
                await group.spawn(machine.clock.sleep, 1)
                await group.cancel()

        machine.task("parent", parent)

    with pytest.raises(Untabled):
        through(stepper(from_function(furnish)))


def test_a_child_that_fails_is_more_than_tables_hold() -> None:
    def furnish(machine: Machine) -> None:
        async def child() -> None:
            raise ValueError("it fails")

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child)

        machine.task("parent", parent)

    with pytest.raises(Untabled):
        through(stepper(from_function(furnish)))


def test_who_settles_with_a_group_open_is_more_than_tables_hold() -> None:
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def parent() -> None:
            await counter.load()
            async with Group():
                await settle("inside", "inside")
                await counter.load()

        machine.task("parent", parent)

    with pytest.raises(Untabled):
        through(stepper(from_function(furnish)))


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


def test_two_ways_that_part_in_what_they_settle_with_are_told_apart() -> None:
    def furnish(machine: Machine) -> None:
        one = machine.counter("one")

        async def work() -> None:
            for number in range(2):
                await settle("round", "round")
                await one.load()
                await settle(number == 1, "late")
                await one.load()

        machine.task("worker", work)

    graph = Graph(from_function(furnish))
    two = "it settled with False, then stood before 'load one', and it settled with True, then stood before 'load one'"
    with pytest.raises(AuditError, match=two):
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


def test_a_task_that_makes_objects_of_its_own_is_explored_all_the_same() -> None:
    def furnish(machine: Machine) -> None:
        shared = machine.counter("shared")

        async def increment(cell: Cell) -> None:
            await cell.store_release(await cell.load_acquire() + 1)

        async def alone() -> None:
            cell = machine.cell("alone")
            await cell.store(await shared.add(1))
            await cell.store(await shared.add(1))

        async def together() -> None:
            cell = machine.cell("together")
            async with Group() as group:
                await group.spawn(increment, cell)
                await group.spawn(increment, cell)
            await shared.add(await cell.load_acquire())

        machine.task("alone", alone)
        machine.task("together", together)

    program = from_function(furnish)
    with pytest.raises(Untabled):
        stepper(program)
    assert check(program, "both").strength == "exhaustive"
    assert check(program, preemptions=1).strength == "exhaustive up to 1 preemption"
