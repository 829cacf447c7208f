"""The least schedule of a finding, against brute force: all executions, and what each costs."""

from __future__ import annotations

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.explore.least import Least
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.tasks import Group
from dmabuf_async.trace.events import Signature
from tests.costs import SEEDS, is_it, small_programs

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

BEYOND = (1_000, 1_000)
"""Faults and preemptions that no small program has room for."""


def complete(made: Program, signature: Signature, until: tuple[int, int] = BEYOND) -> Least:
    search = Least(made, is_it(signature), checkers=CHECKERS)
    while search.advance(until):
        pass
    search.close()
    return search


def test_the_least_is_the_minimum_over_all_executions() -> None:
    compared = preempted = 0
    for made, reference in small_programs():
        for signature, cost in reference.items():
            search = complete(made, signature)
            assert search.found, (made.name, signature)
            assert search.layer == cost[:2], (made.name, signature)
            labels, least = search.labels()
            assert least == cost, (made.name, signature)
            assert len(labels) == cost.steps
            compared += 1
            preempted += cost.preemptions > 0
    assert compared >= len(SEEDS) // 3
    assert preempted >= len(SEEDS) // 15


def test_nothing_beyond_the_bound_is_looked_at() -> None:
    seen = []
    for made, reference in small_programs():
        for signature, cost in reference.items():
            if cost.preemptions:
                search = complete(made, signature, (cost.faults, cost.preemptions - 1))
                assert not search.found
                assert search.layer <= (cost.faults, cost.preemptions - 1)
                seen.append(search.states < complete(made, signature).states)
    assert any(seen)


def test_a_search_without_room_says_so_and_claims_nothing() -> None:
    for made, reference in small_programs():
        signature = max(reference, key=reference.__getitem__)
        search = Least(made, is_it(signature), checkers=CHECKERS, max_places=3)
        while search.advance(BEYOND):
            pass
        search.close()
        if search.full:
            assert not search.found
            return
    raise AssertionError("every program has room in three places")


def test_a_task_may_make_objects_while_it_runs() -> None:
    async def increment(cell: Cell) -> None:
        await cell.store_release(await cell.load_acquire() + 1)

    def build(machine: Machine) -> None:
        async def main() -> None:
            cell = machine.cell("c")
            async with Group() as group:
                await group.spawn(increment, cell)
                await group.spawn(increment, cell)
            assert await cell.load_acquire() == 2

        machine.task("main", main)

    search = Least(from_function(build), lambda finding: finding.code == "assertion", checkers=CHECKERS)
    while search.advance(BEYOND):
        pass
    search.close()
    assert search.layer == (0, 1)
