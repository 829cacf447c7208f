"""Following transitions by the paths of their actors."""

from __future__ import annotations

import pytest

from dmabuf_async import Machine, from_function
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.following import follow


def furnish(machine: Machine) -> None:
    cell = machine.cell("x", 0)

    async def store(value: int) -> None:
        await cell.store(value)

    machine.task("first", store, 1)
    machine.task("second", store, 2)


def test_transitions_become_choices_whatever_their_number() -> None:
    choices, found = follow(from_function(furnish), [((1,), 0), ((0,), 0)], CHECKERS)
    assert choices == (1,)  # the second step has nothing to choose from
    assert [finding.code for finding in found] == ["data-race"]


def test_it_stops_after_the_last_of_them() -> None:
    choices, found = follow(from_function(furnish), [((0,), 0)], CHECKERS)
    assert (choices, found) == ((0,), [])


def test_what_cannot_be_made_is_a_divergence() -> None:
    with pytest.raises(ReplayDiverged, match=r"step 1: the task \(7,\) that should go on cannot"):
        follow(from_function(furnish), [((7,), 0)], CHECKERS)
