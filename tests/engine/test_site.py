"""Where an actor is: the innermost async function and the scenario step, never a line; roles have no numbers."""

from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.engine.site import function, role, site
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import settle


async def inner(cell: Any) -> None:
    await cell.load()


async def outer(cell: Any) -> None:
    await inner(cell)


def actor_of(function_: Any, *arguments: Any) -> Actor:
    actor = Actor("a", (0,), None, function_, arguments)
    actor.coroutine = function_(*arguments)
    return actor


def test_the_innermost_function_is_where_an_actor_is() -> None:
    actor = actor_of(outer, Machine().cell("x"))
    assert actor.coroutine is not None
    assert function(actor) == "outer"  # it has not begun
    actor.coroutine.send(None)
    assert function(actor) == "inner"
    with pytest.raises(StopIteration):
        actor.coroutine.send(0)
    assert function(actor) == ""


def test_a_function_in_a_function_is_named_without_its_surroundings_noise() -> None:
    async def local() -> None:
        await settle(1)

    actor = actor_of(local)
    assert function(actor).endswith("without_its_surroundings_noise.local")
    assert actor.coroutine is not None
    actor.coroutine.close()


def test_a_site_is_the_step_and_the_function_as_far_as_there_are_any() -> None:
    actor = Actor("a", (0,), None, outer, ())
    assert site(actor) == ""
    actor.site = "kmap"
    assert site(actor) == "kmap"
    actor.coroutine = outer(Machine().cell("x"))
    assert site(actor) == "kmap: outer"
    actor.site = ""
    assert site(actor) == "outer"
    actor.coroutine.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("work", "work"),
        ("work/0", "work"),
        ("work/copy.1", "work/copy"),
        ("work/copy.1/12/zap.3", "work/copy/zap"),
        ("cpu2", "cpu2"),
        ("v1.2x", "v1.2x"),
        ("killer of a", "killer of a"),
    ],
)
def test_a_role_is_a_name_without_the_numbers_of_children(name: str, expected: str) -> None:
    assert role(name) == expected
