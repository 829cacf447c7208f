"""What a task's coroutines leave to one another in Python is seen when it changes, and only then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from dmabuf_async import Machine
from dmabuf_async.engine.keeping import LIMIT, kept


class Slotted:
    """An object without a dictionary."""

    __slots__ = ("field",)

    def __init__(self) -> None:
        self.field = 0

    def more(self) -> None:
        """Count."""
        self.field += 1


NAMED: list[int] = []


def names_it() -> int:
    """Look at what the module has."""
    return len(NAMED)


def change(value: Any) -> None:
    if isinstance(value, dict):
        value[len(value)] = 0
    elif isinstance(value, set):
        value.add(len(value))
    elif isinstance(value, SimpleNamespace):
        value.field = getattr(value, "field", 0) + 1
    elif isinstance(value, Slotted):
        value.more()
    else:
        value.append(0)


@pytest.mark.parametrize("make", [list, dict, set, deque, SimpleNamespace, Slotted])
def test_a_change_is_seen_wherever_the_value_lies(make: Callable[[], Any]) -> None:
    value = make()

    def closes_over_it() -> Any:
        return value

    def has_it_by_default(given: Any = value) -> Any:
        return given

    ways: list[tuple[Any, tuple[Any, ...]]] = [
        (closes_over_it, ()),
        (has_it_by_default, ()),
        (partial(closes_over_it), ()),
        (print, ([{0: (value,)}],)),
        (SimpleNamespace(inner=closes_over_it).inner, ()),
    ]
    for function, arguments in ways:
        before = kept(function, arguments)
        assert kept(function, arguments) == before
        change(value)
        assert kept(function, arguments) != before


def test_a_method_and_what_it_is_of_are_looked_into() -> None:
    value = Slotted()
    before = kept(value.more, ())
    assert kept(value.more, ()) == before
    value.more()
    assert kept(value.more, ()) != before


def test_a_variable_that_gets_an_equal_value_of_another_kind_has_changed() -> None:
    value: object = 1

    def task() -> object:
        return value

    before = kept(task, ())
    value = True
    assert kept(task, ()) != before


def test_what_a_function_and_its_helpers_name_in_their_module_is_looked_at() -> None:
    def task() -> int:
        def inner() -> int:
            return names_it()

        return inner()

    before = kept(task, ())
    assert kept(task, ()) == before
    NAMED.append(1)
    assert kept(task, ()) != before


def test_an_iterator_is_never_taken_for_unchanged() -> None:
    numbers = iter(range(3))
    assert kept(next, (numbers,)) != kept(next, (numbers,))


def test_what_lies_in_the_machine_is_no_change() -> None:
    machine = Machine()
    counter = machine.counter("c")
    given = (machine, counter, counter.load)
    before = kept(print, given)
    counter.value = 1
    machine.counter("d")
    assert kept(print, given) == before


def test_what_goes_in_a_circle_and_what_is_large_has_an_end() -> None:
    circle: list[Any] = []
    circle.append(circle)
    before = kept(print, circle)
    assert kept(print, circle) == before
    assert len(kept(print, ([[] for _ in range(2 * LIMIT)],))) < 4 * LIMIT
