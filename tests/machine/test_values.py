"""What a cell may hold."""

from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.values import kept


@pytest.mark.parametrize("value", [0, 1.5, "x", None, (1, "x"), frozenset({1})])
def test_what_is_immutable_is_kept_as_it_is(value: Any) -> None:
    assert kept("cell", value) is value


@pytest.mark.parametrize(("value", "error"), [([1], TypeError), ({}, TypeError), (float("nan"), ValueError)])
def test_a_value_that_no_state_could_be_told_by_is_refused_where_it_is_written(
    value: Any, error: type[Exception]
) -> None:
    machine = Machine(Sizes())
    with pytest.raises(error, match="d cannot hold"):
        machine.cell("d", value)
    counter, cell = machine.counter("c"), machine.cell("c2")
    for write in (counter.store, counter.exchange, counter.add, cell.store_release):
        with pytest.raises(error, match="cannot hold"):
            _ = write(value)
