"""Which children are the same whenever they are made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from dmabuf_async import Group, Machine, check, from_function
from dmabuf_async.engine.rebirth import is_portable
from dmabuf_async.explore.graph import Graph
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.cells import Cell


async def outside(*values: object) -> None:
    """It closes over nothing."""


def parent_of(function: Callable[..., Any], *arguments: Any) -> tuple[Machine, Actor]:
    machine = Machine()
    return machine, machine.task("parent", function, *arguments)


def test_plain_data_and_objects_of_the_machine_mean_the_same_in_every_coroutine() -> None:
    machine, parent = parent_of(outside)
    cell = machine.cell("x")
    for arguments in [(), (1, "a", None, b"", 0.5), (machine, cell, parent), ((1, (cell,)), frozenset("ab"))]:
        assert is_portable(machine, parent, outside, arguments)


def test_what_one_coroutine_made_for_itself_does_not() -> None:
    machine, parent = parent_of(outside)
    own = Cell("x", 0, machine)  # it is not in the machine
    for arguments in [([],), ({},), ((1, [2]),), (own,), (Group(),), (object(),), (outside,)]:
        assert not is_portable(machine, parent, outside, arguments)


def test_a_function_may_close_over_what_was_there_before_its_parent() -> None:
    things: list[int] = []

    async def child() -> None:
        things.append(1)

    async def helper() -> None:
        await child()

    async def parent() -> None:
        await helper()

    machine, actor = parent_of(parent)
    assert is_portable(machine, actor, child, ())
    machine, stranger = parent_of(outside)
    assert not is_portable(machine, stranger, child, ())


def test_a_function_that_closes_over_a_variable_of_its_parent_belongs_to_that() -> None:
    async def parent(made: list[Any]) -> None:
        number = len(made)

        async def child() -> None:
            await outside(number)

        async def default(count: list[int] = made) -> None:
            await outside(count)

        made += [child, default]

    made: list[Any] = []
    machine, actor = parent_of(parent)
    with suppress(StopIteration):
        parent(made).send(None)
    assert len(made) == 2
    assert not any(is_portable(machine, actor, function, ()) for function in made)


def test_other_callables_are_not_looked_into() -> None:
    machine, parent = parent_of(outside)
    assert not is_portable(machine, parent, partial(outside, 1), ())
    assert not is_portable(machine, parent, [].append, (1,))


def test_a_child_that_belongs_to_one_coroutine_of_its_parent_is_still_explored_rightly() -> None:
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def parent() -> None:
            seen = []

            async def child() -> None:
                seen.append(await counter.add(1))

            async with Group() as group:
                await group.spawn(child)
                await group.spawn(child)
            assert sorted(seen) == [1, 2]

        machine.task("parent", parent)

    verdict = check(furnish, "graph")
    assert verdict.strength == "exhaustive"
    graph = Graph(from_function(furnish))
    while graph.advance():
        pass
    assert graph._live
