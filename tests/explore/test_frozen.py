from __future__ import annotations

import os
import pickle
from collections import Counter
from typing import Any

import pytest

from dmabuf_async.explore.checking import checking
from dmabuf_async.explore.frozen import frozen, thawed
from dmabuf_async.explore.lock_cycles import LockCycles
from dmabuf_async.explore.progress import Progress
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.python import from_function
from tests.backtracking import Backtracking


@pytest.mark.unaudited
def test_what_a_search_has_found_comes_back_as_it_was() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def one() -> None:
            await cell.store(1)

        machine.task("one", one)
        machine.task("two", one)

    search = Backtracking(from_function(build))
    checking(from_function(build), search)
    assert search.progress.failures
    assert thawed(frozen(search.progress)) == search.progress
    assert thawed(frozen(({1}, Counter("aa"), bytearray(b"x"), LockCycles(), Progress()))) == (
        {1}, Counter("aa"), bytearray(b"x"), LockCycles(), Progress(),
    )  # fmt: skip


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


class Own:
    def __reduce__(self) -> Any:
        return frozen, (1,)


@pytest.mark.parametrize("data", [b"", b"x", pickle.dumps(Evil()), pickle.dumps(Own()), frozen([1])[:-2]])
def test_bytes_that_are_not_of_a_search_are_refused_and_run_nothing(data: bytes) -> None:
    with pytest.raises(ValueError, match="it cannot be read"):
        thawed(data)
