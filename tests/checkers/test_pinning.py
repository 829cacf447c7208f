"""Pins: a multiset of exact ranges per task, from the return of get to the call of put (PROTOCOL 4)."""

from __future__ import annotations

import pytest

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.protocol.rfc2012 import dma_buf_get, get_backing_storage, kmap, kunmap, put_backing_storage
from tests.checkers.conftest import Told, furnish
from tests.harness import execute

P = PAGE_SIZE


def test_one_get_and_one_put_of_the_same_range_is_right(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb, P, P)
        await kunmap(await kmap(fb, 1))
        await put_backing_storage(fb, P, P)

    assert told(work) == set()


def test_what_was_got_twice_is_put_twice(told: Told) -> None:
    async def work(fb: Buffer, puts: int) -> None:
        for _ in range(2):
            await get_backing_storage(fb)
        for _ in range(puts):
            await put_backing_storage(fb)

    assert told(lambda fb: work(fb, 1)) == {"pin-leak"}
    assert told(lambda fb: work(fb, 2)) == set()
    assert told(lambda fb: work(fb, 3)) == {"unbalanced-put"}


def test_two_gets_of_one_page_are_not_put_as_one_of_two_pages(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb, 0, P)
        await get_backing_storage(fb, P, P)
        await put_backing_storage(fb, 0, 2 * P)

    assert told(work) == {"unbalanced-put"}


def test_a_put_of_part_of_the_range_does_not_match(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb, 0, 2 * P)
        await put_backing_storage(fb, 0, P)

    assert told(work) == {"unbalanced-put"}


def test_a_put_that_is_not_aligned_does_not_match_the_pages_that_it_touches(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb, 0, P)
        await put_backing_storage(fb, 0, P + 8)

    assert told(work) == {"unbalanced-put"}


def test_another_tasks_get_does_not_match_a_put(told: Told) -> None:
    async def get(fb: Buffer) -> None:
        await get_backing_storage(fb)
        await put_backing_storage(fb)

    async def put(fb: Buffer) -> None:
        await put_backing_storage(fb)

    assert told(get, put) == {"unbalanced-put"}


def test_another_tasks_pin_does_not_help() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")
        pinned = machine.cell("pinned")

        async def owner() -> None:
            await get_backing_storage(fb)
            await pinned.store(1)
            await pinned.wait("==", 2)
            await put_backing_storage(fb)

        async def guest() -> None:
            await pinned.wait("==", 1)
            await kunmap(await kmap(fb, 0))
            await pinned.store(2)

        machine.task("owner", owner)
        machine.task("guest", guest)

    ran = execute(build)
    assert ran.codes == ["access-without-backing"]
    assert "guest calls kmap on fb[0] without get_backing_storage" in ran.findings[0].message


@pytest.mark.parametrize("at", ["kmap", "load", "store", "kunmap"])
def test_kmap_access_and_kunmap_need_the_pin_each(told: Told, at: str) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb)
        if at == "kmap":
            await put_backing_storage(fb)
        mapping = await kmap(fb, 0)
        if at != "kmap":
            await put_backing_storage(fb)
        if at in {"load", "store"}:
            await (mapping.load(0) if at == "load" else mapping.store(0))
        await kunmap(mapping)

    assert told(work) == {"access-without-backing"}


def test_the_page_beside_the_pinned_one_is_out_of_range_by_v3() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 2, "static", "ram")

        async def work() -> None:
            await get_backing_storage(fb, 0, P)
            await kunmap(await kmap(fb, 1))
            await put_backing_storage(fb, 0, P)

        machine.task("work", work)

    assert [(one.code, one.rule) for one in execute(build).findings if one.primary] == [
        ("access-without-backing", "V3")
    ]


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, 0), (0, -P), (-P, P), (0, 3 * P), (2 * P, P), (8, P), (0, P + 8), (P, 2 * P), (2**64, P), (0, 2**64)],
)
def test_what_is_no_range_is_answered_einval_and_pins_nothing(told: Told, start: int, length: int) -> None:
    async def careful(fb: Buffer) -> None:
        with pytest.raises(KernelError, match="EINVAL"):
            await get_backing_storage(fb, start, length)

    async def careless(fb: Buffer) -> None:
        await careful(fb)
        await kunmap(await kmap(fb, 0))

    async def puts(fb: Buffer) -> None:
        await careful(fb)
        await put_backing_storage(fb, start, length)

    assert told(careful) == set()
    assert told(careless) == {"bad-range"}
    assert told(puts) == {"bad-range"}


def test_a_page_beyond_the_end_is_a_bad_range_even_with_all_pinned(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb)
        await kunmap(await kmap(fb, 2))
        await put_backing_storage(fb)

    assert told(work) == {"bad-range"}


def test_a_get_that_succeeds_forgets_the_refusal_before_it(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        with pytest.raises(KernelError, match="EINVAL"):
            await get_backing_storage(fb, 8)
        await get_backing_storage(fb)
        await kunmap(await kmap(fb, 0))
        await put_backing_storage(fb)

    assert told(work) == set()


def test_a_move_that_is_given_up_moves_nothing_that_is_pinned(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb)
        with pytest.raises(KernelError, match="EBUSY"):
            await fb.exporter.swap_out()
        await put_backing_storage(fb)

    assert told(work, exporter="swapping") == set()


def test_freeing_what_is_pinned_counts_as_moving_it(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await get_backing_storage(fb)
        place = await fb.pages[0].look()
        assert place is not None
        await place.zone.release(place)
        await put_backing_storage(fb)

    assert told(work) == {"moved-while-pinned"}


def test_a_user_process_that_ends_with_pins_has_not_leaked_them(told: Told) -> None:
    assert told(get_backing_storage, user=True) == set()
    assert told(get_backing_storage) == {"pin-leak"}


def test_a_leak_tells_how_often() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")

        async def work() -> None:
            for _ in range(3):
                await get_backing_storage(fb)

        machine.task("work", work)

    [finding] = execute(build, sizes=Sizes()).findings
    assert finding.message == "work ends and still pins fb 3 times: get without put"


@pytest.mark.parametrize("answers", [(), (1,)])
def test_leaks_are_told_in_the_order_of_tasks_whoever_came_first(answers: tuple[int, ...]) -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")

        async def leak() -> None:
            await dma_buf_get(fb)
            await get_backing_storage(fb)

        for number in range(2):
            machine.task(f"t{number}", leak)

    findings = execute(build, answers).findings
    assert [(finding.code, finding.actor) for finding in findings] == [
        (code, task) for code in ("pin-leak", "leak-at-exit") for task in ("t0", "t1")
    ]
