from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.kmap import SleepingKmapCall
from dmabuf_async.machine.ledger import GetCall
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.memory import Free
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Page
from tests.harness import all_executions, execute, filled, outcomes


def taking(zone: str, times: int) -> Any:
    """Takes so many places; says their names, and the error that ended it."""

    def build(machine: Machine) -> Any:
        page = machine.buffer("b").pages[0]
        said: list[str] = []

        async def take() -> None:
            for _ in range(times):
                try:
                    place: Any = await machine.zones[zone].alloc(page)
                    said.append(place.name)
                except KernelError as error:
                    said.append(error.errno)

        machine.task("a", take)
        return lambda: tuple(said)

    return build


def test_places_are_handed_out_in_order_and_then_memory_is_out() -> None:
    assert set(outcomes(taking("ram", 3), sizes=Sizes(ram=2))) == {("ram#0", "ram#1", "ENOMEM")}
    assert set(outcomes(taking("high", 2), sizes=Sizes(highmem=1))) == {("high#0", "ENOMEM")}


def test_swap_that_is_full_says_enospc() -> None:
    assert set(outcomes(taking("swap", 2), sizes=Sizes(swap=1))) == {("swap#0", "ENOSPC")}


def test_an_allocation_can_fail_exactly_as_often_as_the_budget_says() -> None:
    one = outcomes(taking("ram", 2), sizes=Sizes(ram=2, enomem=1))
    assert set(one) == {("ram#0", "ram#1"), ("ENOMEM", "ram#0"), ("ram#0", "ENOMEM")}
    assert one.total() == 3
    assert len(outcomes(taking("ram", 2), sizes=Sizes(ram=2, enomem=2))) == 4
    assert len(outcomes(taking("ram", 2), sizes=Sizes(ram=2))) == 1


def test_a_budget_is_not_spent_where_memory_is_out_anyway_nor_on_swap() -> None:
    assert outcomes(taking("ram", 1), sizes=Sizes(ram=0, enomem=1)).total() == 1
    assert outcomes(taking("swap", 2), sizes=Sizes(swap=2, enomem=1)).total() == 1


def test_a_freed_frame_is_reused_soonest() -> None:
    def build(machine: Machine) -> Any:
        page = machine.buffer("b").pages[0]
        ram = machine.zones["ram"]
        said: list[str] = []

        async def work() -> None:
            places: list[Any] = [await ram.alloc(page) for _ in range(3)]
            for place in (places[0], places[2], places[1]):
                await ram.release(place)
            for _ in range(4):
                place = await ram.alloc(page)
                said.append(place.name)

        machine.task("a", work)
        return lambda: said

    assert execute(build, sizes=Sizes(ram=4)).observed == ["ram#1", "ram#2", "ram#0", "ram#3"]


def test_two_tasks_never_get_one_frame() -> None:
    def build(machine: Machine) -> Any:
        page = machine.buffer("b").pages[0]
        got: list[str] = []

        async def take() -> None:
            place: Any = await machine.zones["ram"].alloc(page)
            got.append(place.name)

        machine.task("a", take)
        machine.task("b", take, cpu=1)
        return lambda: tuple(sorted(got))

    assert set(outcomes(build)) == {("ram#0", "ram#1")}


def test_freeing_twice_is_marked_and_frees_once() -> None:
    def build(machine: Machine) -> Any:
        buffer = filled(machine)
        ram = machine.zones["ram"]

        async def free() -> None:
            await buffer.pages[0].switch(None)
            await ram.release(ram.places[0])
            await ram.release(ram.places[0])

        machine.task("a", free)
        return lambda: ram.free.count if ram.free else 0

    ran = execute(build, sizes=Sizes(ram=3))
    assert [finding.message for finding in ran.findings] == ["a frees ram#0, which is free already"]
    assert ran.observed == 3


def test_what_lay_in_a_freed_frame_is_gone() -> None:
    def build(machine: Machine) -> Any:
        buffer = filled(machine)

        async def free() -> None:
            await buffer.pages[0].switch(None)
            await machine.zones["ram"].release(machine.zones["ram"].places[0])

        machine.task("a", free)
        return lambda: [len(word.newest) for word in buffer.pages[0].words]

    assert execute(build).observed == [0, 0]


def test_a_list_of_free_places_equals_one_of_the_same_places_in_the_same_order() -> None:
    first, second = Machine().zones["ram"].places[:2]
    forward, backward = Free(first, Free(second, None)), Free(second, Free(first, None))
    assert forward == Free(first, Free(second, None))
    assert hash(forward) == hash(Free(first, Free(second, None)))
    assert forward != backward
    assert forward != "free"
    assert (forward.count, backward.rest and backward.rest.count) == (2, 1)


def test_a_zone_knows_what_a_cpu_can_reach_and_what_needs_a_slot() -> None:
    zones = Machine(Sizes(highmem=1)).zones
    assert {name: (zone.resident, zone.visible, zone.highmem) for name, zone in zones.items()} == {
        "ram": (True, True, False), "high": (True, True, True), "vram": (True, True, False),
        "swap": (False, False, False),
    }  # fmt: skip
    hidden = Machine(Sizes(vram=1, cpu_visible=False)).zones["vram"]
    assert (hidden.resident, hidden.visible) == (True, False)


def test_an_allocation_that_may_reclaim_says_nothing_is_free_and_fails_only_where_reclaim_would_too() -> None:
    def build(machine: Machine) -> Any:
        page = machine.buffer("b").pages[0]
        said: list[str] = []

        async def take() -> None:
            for _ in range(2):
                try:
                    place: Any = await machine.zones["ram"].try_alloc(page)
                    said.append("none" if place is None else place.name)
                except KernelError as error:
                    said.append(error.errno)

        machine.task("a", take)
        return lambda: tuple(said)

    assert set(outcomes(build, sizes=Sizes(ram=1))) == {("ram#0", "none")}
    assert set(outcomes(build, sizes=Sizes(ram=1, enomem=1))) == {("ram#0", "none"), ("ENOMEM", "ram#0")}


@pytest.mark.parametrize(("zone", "said"), [("ram", "alloc frame for b[0]"), ("swap", "alloc slot for b[0]")])
def test_ops_say_what_they_do(zone: str, said: str) -> None:
    machine = Machine()
    page = machine.buffer("b").pages[0]
    assert machine.zones[zone].alloc(page).describe() == said
    assert machine.zones[zone].release(machine.zones[zone].places[1]).describe() == f"free {zone}#1"


def test_a_leak_is_laid_at_the_door_of_who_took_the_place() -> None:
    actors = {finding.actor for ran in all_executions(taking("ram", 1)) for finding in ran.findings}
    assert actors == {"a"}


MISUSES: dict[str, tuple[Callable[[Machine], object], type[Exception], str]] = {
    "a page that is nowhere is freed": (
        lambda machine: machine.zones["ram"].release(None),  # type: ignore[arg-type]
        TypeError,
        "None is neither a frame nor a slot",
    ),
    "a frame is freed as a slot": (
        lambda machine: machine.zones["swap"].release(machine.zones["ram"].places[0]),
        ValueError,
        "ram#0 is no place of swap",
    ),
    "nothing is allocated for": (
        lambda machine: machine.zones["ram"].alloc(None),  # type: ignore[arg-type]
        TypeError,
        "None is no page of a buffer",
    ),
    "a word of a page that is nowhere is copied": (
        lambda machine: page_of(machine).copy(0, None, machine.zones["ram"].places[0]),  # type: ignore[arg-type]
        TypeError,
        "None is neither a frame nor a slot",
    ),
    "a word is copied that no page has": (
        lambda machine: page_of(machine).copy(2, *machine.zones["ram"].places[:2]),
        IndexError,
        r"fb\[0\] has the words 0 to 1, and not 2",
    ),
    "a page is switched to a name": (
        lambda machine: page_of(machine).switch("ram"),  # type: ignore[arg-type]
        TypeError,
        "'ram' is neither a frame nor a slot",
    ),
    "a page is mapped by its name": (
        lambda machine: SleepingKmapCall(machine.buffer("fb"), "0", atomic=False),  # type: ignore[arg-type]
        TypeError,
        "cannot be interpreted as an integer",
    ),
    "half a byte is got": (
        lambda machine: GetCall(machine.buffer("fb"), 0, 0.5),  # type: ignore[arg-type]
        TypeError,
        "cannot be interpreted as an integer",
    ),
}


def page_of(machine: Machine) -> Page:
    return machine.buffer("fb").pages[0]


@pytest.mark.parametrize("misuse", MISUSES)
def test_an_op_on_what_is_not_there_is_refused_where_it_is_made(misuse: str) -> None:
    make, error, message = MISUSES[misuse]
    with pytest.raises(error, match=message):
        make(Machine(Sizes()))


def test_an_exporter_that_frees_nothing_is_one_finding_of_the_task_that_called_it() -> None:
    def build(machine: Machine) -> None:
        async def work() -> None:
            await machine.zones["ram"].release(None)  # type: ignore[arg-type]

        machine.task("work", work)

    assert [finding.code for finding in execute(build).findings] == ["unhandled-exception"]
