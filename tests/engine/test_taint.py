"""What follows from a finding, by conflict order."""

from __future__ import annotations

import pytest

from dmabuf_async import Machine
from dmabuf_async.engine.taint import Taint
from dmabuf_async.ops import Footprint
from dmabuf_async.thing import Thing

NONE: frozenset[Thing] = frozenset()


async def nothing() -> None:
    """A task that does nothing."""


@pytest.mark.parametrize(
    ("finding", "later", "follows"),
    [("w", "r", True), ("w", "w", True), ("r", "w", True), ("r", "r", False), ("w", "-", False)],
)
def test_who_conflicts_with_the_step_of_a_finding_follows_from_it(finding: str, later: str, follows: bool) -> None:
    machine = Machine()
    one, two, cell = machine.task("one", nothing), machine.task("two", nothing), machine.cell("x")
    touch = {
        "r": Footprint(frozenset({cell}), NONE),
        "w": Footprint(NONE, frozenset({cell})),
        "-": Footprint(NONE, NONE),
    }
    taint = Taint()
    taint.add(one, touch[finding])
    assert not taint.has(one), "what is found at one step is found together"
    taint.spread(two, touch[later])
    assert (taint.has(one), taint.has(two)) == (True, follows)


def test_a_copy_says_the_same_and_goes_its_own_way() -> None:
    machine = Machine()
    one, two, cell = machine.task("one", nothing), machine.task("two", nothing), machine.cell("x")
    taint = Taint()
    taint.add(one, Footprint(NONE, frozenset({cell})))
    other = taint.copy()
    assert other.state() == taint.state()
    other.spread(two, Footprint(frozenset({cell}), NONE))
    assert (other.has(two), taint.has(two)) == (True, False)
