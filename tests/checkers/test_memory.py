"""Frames, slots and references: used while they are owned, freed once, not lost (PROTOCOL 4 and V15)."""

from __future__ import annotations

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.memory import Place
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.protocol.rfc2012 import dma_buf_get, dma_buf_put, get_backing_storage, kmap, put_backing_storage
from tests.checkers.conftest import Told, furnish
from tests.harness import Ran, execute


async def place(fb: Buffer) -> Place:
    where = await fb.pages[0].look()
    assert isinstance(where, Place)
    return where


def ran(work: object, *, exporter: str = "static", user: bool = False) -> Ran:
    def build(machine: Machine) -> None:
        machine.task("work", work, furnish(machine, 1, exporter, "ram"), user=user)  # type: ignore[arg-type]

    return execute(build, sizes=Sizes(words=1))


async def switch(fb: Buffer, to: Place | None) -> None:
    assert fb.lock is not None
    await fb.lock.lock()
    await fb.pages[0].switch(to)
    await fb.lock.unlock()


def test_a_frame_that_was_freed_is_not_copied() -> None:
    async def work(fb: Buffer) -> None:
        frame, swap = await place(fb), fb.machine.zones["swap"]
        slot = await swap.alloc(fb.pages[0])
        await switch(fb, slot)
        await frame.zone.release(frame)
        await fb.pages[0].copy(0, frame, slot)

    [finding] = ran(work).findings
    assert (finding.code, finding.rule) == ("use-after-free", "V15")
    assert finding.message == "work copies a word through ram#0, which is free"


def test_a_frame_of_somebody_else_is_not_copied() -> None:
    def build(machine: Machine) -> None:
        fb, other = furnish(machine, 1, "static", "ram"), machine.buffer("other")
        StaticExporter(machine, other, "ram")

        async def work() -> None:
            await fb.pages[0].copy(0, await place(fb), await place(other))

        machine.task("work", work)

    [finding] = execute(build).findings
    assert finding.message == "work copies a word through ram#1, which is other[0]'s by now"


def test_a_frame_is_freed_once() -> None:
    async def work(fb: Buffer) -> None:
        frame = await place(fb)
        await switch(fb, None)
        await frame.zone.release(frame)
        await frame.zone.release(frame)

    [finding] = ran(work).findings
    assert (finding.code, finding.rule) == ("double-free", "V15")
    assert finding.message == "work frees ram#0, which is free already"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (dma_buf_get, "takes a reference on fb, which has been released"),
        (dma_buf_put, "puts a reference on fb, which has been released"),
        (get_backing_storage, "uses fb, which has been released"),
        (lambda fb: kmap(fb, 0), "uses fb, which has been released"),
    ],
)
def test_a_released_buffer_is_not_used(call: object, words: str) -> None:
    async def work(fb: Buffer) -> None:
        await dma_buf_put(fb)
        await call(fb)  # type: ignore[operator]

    first = next(finding for finding in ran(work).findings if finding.code == "use-after-free")
    assert first.message == f"work {words}"


def test_the_last_put_releases_and_no_other(told: Told) -> None:
    async def work(fb: Buffer) -> None:
        await dma_buf_get(fb)
        await dma_buf_put(fb)
        await get_backing_storage(fb)
        await put_backing_storage(fb)
        await dma_buf_put(fb)

    assert told(work) == set()
    assert told(work, exporter="swapping") == set()


@pytest.mark.parametrize("user", [False, True])
def test_a_kernel_task_drops_the_references_that_it_took(user: bool) -> None:
    findings = ran(dma_buf_get, user=user).findings
    assert [(one.code, one.rule, one.message) for one in findings] == (
        []
        if user
        else [("leak-at-exit", "V15", "work ends and still holds a reference on fb: dma_buf_get without put")]
    )


def test_a_frame_that_nobody_owns_at_the_end_is_lost() -> None:
    async def work(fb: Buffer) -> None:
        await fb.machine.zones["ram"].alloc(fb.pages[0])
        await fb.machine.zones["swap"].alloc(fb.pages[0])

    assert [(one.rule, one.message) for one in ran(work).findings] == [
        ("V6", "frame ram#1 was taken for fb[0], is not its storage, and is never freed"),
        ("V6", "slot swap#0 was taken for fb[0], is not its storage, and is never freed"),
    ]


def test_storage_that_survives_its_buffer_is_lost() -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        StaticExporter(machine, buffer, "ram", ["release-forgets-frames"])
        machine.task("work", dma_buf_put, buffer)

    [finding] = execute(build).findings
    assert (finding.code, finding.rule) == ("frame-leak", "V15")
    assert finding.message == "frame ram#0 is still the storage of fb[0], though fb was released"


def test_leaks_are_judged_only_when_all_tasks_have_ended() -> None:
    def build(machine: Machine) -> None:
        fb = furnish(machine, 1, "static", "ram")
        gate = machine.cell("gate")

        async def taker() -> None:
            await dma_buf_get(fb)
            await gate.store(1)

        async def dropper() -> None:
            await gate.wait("==", 1)
            await gate.wait("==", 2)

        machine.task("taker", taker)
        machine.task("dropper", dropper)

    assert [finding.code for finding in execute(build).findings] == ["deadlock"]
