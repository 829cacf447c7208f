from __future__ import annotations

import pytest

from dmabuf_async.drivers.setup import fill
from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes


def test_every_page_gets_a_place_with_the_newest_of_every_word() -> None:
    machine = Machine(Sizes(ram=3))
    buffer = machine.buffer("fb", 2)
    fill(buffer, machine.zones["ram"])
    for page, place in zip(buffer.pages, machine.zones["ram"].places, strict=False):
        assert page.where is place
        assert place.owner is page
        assert [word.newest for word in page.words] == [{place}, {place}]
    free = machine.zones["ram"].free
    assert free is not None
    assert (free.count, free.place.name) == (1, "ram#2")


def test_a_machine_that_is_too_small_is_told_with_the_numbers() -> None:
    machine = Machine(Sizes(ram=3))
    fill(machine.buffer("first", 2), machine.zones["ram"])
    with pytest.raises(ScenarioError, match="buffer 'second' needs 2 pages, and ram has only 3 places, 1 of them left"):
        fill(machine.buffer("second", 2), machine.zones["ram"])
