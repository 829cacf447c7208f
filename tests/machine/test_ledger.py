from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.ledger import GetCall, GetReturn, PutCall
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.ops import conflicts
from tests.harness import execute, filled


async def get(buffer: Buffer, start: int, length: int) -> None:
    await GetCall(buffer, start, length)
    await GetReturn(buffer, start, length)


def ledger(*calls: tuple[str, int, int]) -> Any:
    """Makes the calls, in pages or, if a number isn't a whole one, in bytes; says what is pinned in the end."""

    def build(machine: Machine) -> Any:
        buffer = filled(machine, pages=3)
        said: list[str] = []

        async def work() -> None:
            for verb, start, length in calls:
                try:
                    if verb == "get":
                        await get(buffer, start, length)
                    else:
                        await PutCall(buffer, start, length)
                except KernelError as error:
                    said.append(error.errno)

        machine.task("a", work)
        return lambda: (said, buffer.pins.get(machine.actors[0]).ranges)

    return build


P = PAGE_SIZE


def test_pins_are_a_multiset_of_exact_ranges() -> None:
    ran = execute(ledger(("get", 0, 2 * P), ("get", P, P), ("get", 0, 2 * P), ("put", 0, 2 * P)), checkers=())
    assert ran.observed == ([], ((0, 2), (1, 2)))


@pytest.mark.parametrize(
    ("start", "length"), [(0, 0), (0, -P), (-P, P), (0, 4 * P), (3 * P, P), (P, 3 * P), (1, P), (0, P - 8), (0, P + 1)]
)
def test_a_range_that_is_not_one_is_einval_and_pins_nothing(start: int, length: int) -> None:
    assert execute(ledger(("get", start, length))).observed == (["EINVAL"], ())


@pytest.mark.parametrize(("start", "length"), [(0, P), (2 * P, P), (0, 3 * P), (P, 2 * P)])
def test_a_range_of_whole_pages_inside_the_buffer_is_pinned(start: int, length: int) -> None:
    assert execute(ledger(("get", start, length))).observed == ([], ((start // P, (start + length) // P),))


def found(*calls: tuple[str, int, int]) -> list[str]:
    return [finding.message for finding in execute(ledger(*calls)).findings]


def test_a_put_that_matches_a_get_is_fine() -> None:
    assert found(("get", 0, P), ("get", P, P), ("put", 0, P), ("put", P, P)) == []


@pytest.mark.parametrize(
    "calls",
    [
        (("put", 0, P),),
        (("get", 0, P), ("put", 0, P), ("put", 0, P)),
        (("get", 0, 2 * P), ("put", 0, P), ("put", 0, 2 * P)),
        (("get", 0, P), ("put", 0, P + 8), ("put", 0, P)),
    ],
)
def test_a_put_that_matches_no_get_is_told(calls: tuple[tuple[str, int, int], ...]) -> None:
    assert found(*calls) == ["a puts b without an outstanding get of that range"]


def test_a_put_of_what_was_refused_is_a_bad_range() -> None:
    assert found(("get", 0, 8), ("put", 0, 8)) == ["a puts a range of b that get_backing_storage refused with EINVAL"]


def test_a_get_without_a_put_is_told_at_the_end_with_how_often() -> None:
    assert found(("get", 0, P)) == ["a ends and still pins b: get without put"]
    assert found(("get", 0, P), ("get", 0, P)) == ["a ends and still pins b 2 times: get without put"]


def test_another_ones_pin_does_not_help() -> None:
    def build(machine: Machine) -> Any:
        buffer = filled(machine)

        async def hold() -> None:
            await get(buffer, 0, P)

        async def idle() -> None: ...

        actors = [machine.task("a", hold), machine.task("b", idle, cpu=1)]
        return lambda: [buffer.pins.get(actor).covers(0) for actor in actors]

    assert execute(build, checkers=()).observed == [True, False]


def test_pins_of_different_tasks_commute_and_a_switch_is_judged_by_all_of_them() -> None:
    machine = Machine()
    buffer = filled(machine)

    async def idle() -> None: ...

    a, b = machine.task("a", idle), machine.task("b", idle, cpu=1)
    pinned, put, call = GetReturn(buffer, 0, P), PutCall(buffer, 0, P), GetCall(buffer, 0, P)
    switch = buffer.pages[0].switch(None)
    for one in (pinned, put, call):
        for other in (pinned, put, call):
            assert not conflicts(one.footprint(a), other.footprint(b))
    for one in (pinned, put):
        assert conflicts(one.footprint(a), switch.footprint(b))
    assert not conflicts(call.footprint(a), switch.footprint(b))


def test_holders_come_in_the_order_of_their_paths_whoever_called_first() -> None:
    def build(machine: Machine) -> Any:
        buffer = filled(machine)

        async def hold() -> None:
            await get(buffer, 0, P)

        machine.task("a", hold, user=True)
        machine.task("b", hold, cpu=1, user=True)
        return lambda: [actor.name for actor in buffer.pins.holders(0)]

    assert execute(build).observed == ["a", "b"]
    assert execute(build, [1, 0, 0]).observed == ["a", "b"]


def test_ops_say_what_they_do() -> None:
    buffer = filled(Machine(), pages=2)
    assert GetCall(buffer, 0, 2 * P).describe() == "get_backing_storage(b)"
    assert GetReturn(buffer, 0, P).describe() == "pinned(b, 0, 4096)"
    assert PutCall(buffer, P, P).describe() == "put_backing_storage(b, 4096, 4096)"
