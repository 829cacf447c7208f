"""The order in which locks are taken: edges of one execution, by class."""

from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.lock_order import CANONICAL, RANKS
from dmabuf_async.machine.machine import Machine
from tests.harness import execute


def edges(*classes: str | None, twice: bool = False) -> list[tuple[str, str]]:
    """Locks of these classes, each taken inside the ones before."""

    def build(machine: Machine) -> Any:
        locks = [machine.mutex(name, named) for name, named in zip("abc", classes, strict=False)]

        async def work() -> None:
            for _ in range(2 if twice else 1):
                for lock in locks:
                    await lock.lock()
                for lock in locks:
                    await lock.unlock()

        machine.task("work", work)
        return lambda: [(edge.before, edge.after) for edge in machine.lock_order.edges()]

    said: list[tuple[str, str]] = execute(build).observed
    return said


def test_whatever_is_held_comes_before_what_is_taken() -> None:
    assert edges(None, None, None) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_an_edge_is_kept_once() -> None:
    assert edges(None, None, twice=True) == [("a", "b")]
    assert sorted(edges("x", None, "x")) == [("a", "c"), ("b", "x"), ("x", "b")]  # of one class: by name


def test_a_reset_machine_has_taken_none() -> None:
    machine = Machine()
    a, b = machine.mutex("a"), machine.mutex("b")
    actor = machine.task("work", lambda: None)
    machine.seal()
    for lock in (a, b):
        machine.apply(actor, lock.lock())
    assert len(list(machine.lock_order.edges())) == 1
    assert actor.locks == (a, b)
    machine.reset()
    assert list(machine.lock_order.edges()) == []
    assert not actor.locks


def test_a_peek_takes_none() -> None:
    machine = Machine()
    a, b = machine.mutex("a"), machine.mutex("b")
    actor = machine.task("work", lambda: None)
    machine.seal()
    machine.apply(actor, a.lock())
    machine.peek(actor, b.lock())
    assert list(machine.lock_order.edges()) == []
    assert actor.locks == (a,)


@pytest.mark.parametrize("earlier", range(len(CANONICAL) - 1))
def test_the_classes_of_p7_stand_in_its_order(earlier: int) -> None:
    assert RANKS[CANONICAL[earlier]] < RANKS[CANONICAL[earlier + 1]]
