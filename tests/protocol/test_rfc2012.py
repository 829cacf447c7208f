from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.kmap import Map, MapAtomic, Mapping, Unmap, UnmapAtomic
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.memory import Place
from dmabuf_async.machine.sizes import PAGE_SIZE
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.protocol import rfc2012
from tests.harness import Ran, execute, filled


async def place(mapping: Mapping) -> Place | None:
    return None if mapping.page is None else await mapping.page.look()


class Recorder:
    """An exporter that does what it must, and writes down what it was asked."""

    name = "recorder"

    def __init__(self, buffer: Buffer, refuses: str = "") -> None:
        buffer.exporter = self
        self.refuses = refuses
        self.calls: list[Any] = []

    async def get_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        self.calls.append(("get", first, end))
        if self.refuses:
            raise KernelError(self.refuses)

    async def put_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        self.calls.append(("put", first, end))

    async def kmap(self, mapping: Mapping) -> None:
        self.calls.append(("kmap", mapping.page and mapping.page.index))
        await Map(mapping, await place(mapping))

    async def kunmap(self, mapping: Mapping) -> None:
        self.calls.append("kunmap")
        await Unmap(mapping)

    async def kmap_atomic(self, mapping: Mapping) -> None:
        self.calls.append(("kmap_atomic", mapping.page and mapping.page.index))
        await MapAtomic(mapping, await place(mapping))

    async def kunmap_atomic(self, mapping: Mapping) -> None:
        self.calls.append("kunmap_atomic")
        await UnmapAtomic(mapping)

    async def release(self, buffer: Buffer) -> None:
        self.calls.append("release")


def calling(work: Callable[[Buffer], Any], refuses: str = "") -> tuple[list[Any], Ran]:
    """What the exporter was asked when a kernel task did ``work``; the calls end with what it raised."""

    def build(machine: Machine) -> Any:
        buffer = filled(machine, pages=3)
        exporter = Recorder(buffer, refuses)

        async def task() -> None:
            try:
                await work(buffer)
            except KernelError as error:
                exporter.calls.append(error.errno)

        machine.task("a", task)
        return lambda: exporter.calls

    ran = execute(build, trace=True)
    return ran.observed, ran


P = PAGE_SIZE


def test_get_and_put_hand_the_exporter_pages_and_default_to_the_whole_buffer() -> None:
    async def work(buffer: Buffer) -> None:
        await rfc2012.get_backing_storage(buffer)
        await rfc2012.get_backing_storage(buffer, P)
        await rfc2012.get_backing_storage(buffer, P, P)
        await rfc2012.put_backing_storage(buffer, P, P)
        await rfc2012.put_backing_storage(buffer, P)
        await rfc2012.put_backing_storage(buffer)

    calls, ran = calling(work)
    assert calls == [("get", 0, 3), ("get", 1, 3), ("get", 1, 2), ("put", 1, 2), ("put", 1, 3), ("put", 0, 3)]
    assert ran.codes == []


@pytest.mark.parametrize(("start", "length"), [(1, P), (0, 7), (0, 4 * P), (-P, P), (0, 0)])
def test_the_exporter_is_not_asked_for_a_range_that_is_not_one(start: int, length: int) -> None:
    calls, ran = calling(lambda buffer: rfc2012.get_backing_storage(buffer, start, length))
    assert calls == ["EINVAL"]
    assert ran.codes == []


@pytest.mark.parametrize("errno", ["ENOMEM", "EBUSY"])
def test_when_the_exporter_refuses_nothing_is_pinned(errno: str) -> None:
    calls, ran = calling(rfc2012.get_backing_storage, refuses=errno)
    assert calls == [("get", 0, 3), errno]
    assert "pinned" not in " ".join(ran.texts())
    assert ran.codes == []  # no pin-leak


def test_the_range_is_pinned_after_the_exporter_returned_and_until_put_is_called() -> None:
    async def work(buffer: Buffer) -> None:
        await rfc2012.get_backing_storage(buffer)
        await rfc2012.put_backing_storage(buffer)

    assert calling(work)[1].texts() == ["a: get_backing_storage(b)", "a: pinned(b)", "a: put_backing_storage(b)"]


@pytest.mark.parametrize("atomic", [False, True])
def test_kmap_maps_exactly_one_page_and_kunmap_unmaps_it(atomic: bool) -> None:
    kmap, kunmap = (rfc2012.kmap_atomic, rfc2012.kunmap_atomic) if atomic else (rfc2012.kmap, rfc2012.kunmap)

    async def work(buffer: Buffer) -> None:
        await rfc2012.get_backing_storage(buffer)
        mapping = await kmap(buffer, 1)
        assert mapping.page is buffer.pages[1]
        await mapping.store(0)
        await kunmap(mapping)
        await rfc2012.put_backing_storage(buffer)

    calls, ran = calling(work)
    assert calls[1:3] == [(kmap.__name__, 1), kunmap.__name__]
    assert ran.codes == []
    assert ran.machine.kmaps.mappings == {}


def test_the_last_reference_releases_the_buffer() -> None:
    async def work(buffer: Buffer) -> None:
        await rfc2012.dma_buf_get(buffer)
        await rfc2012.dma_buf_put(buffer)
        buffer.exporter.calls.append("one is left")
        await rfc2012.dma_buf_put(buffer)

    assert calling(work)[0] == ["one is left", "release"]


@pytest.mark.parametrize(
    "call",
    [
        rfc2012.get_backing_storage,
        rfc2012.dma_buf_get,
        rfc2012.dma_buf_put,
        lambda buffer: rfc2012.kmap(buffer, 0),
    ],
)
def test_a_buffer_that_was_released_may_not_be_used(call: Callable[[Buffer], Any]) -> None:
    async def work(buffer: Buffer) -> None:
        await rfc2012.dma_buf_put(buffer)
        await call(buffer)

    codes = [finding.code for finding in calling(work)[1].findings]
    assert "use-after-free" in codes


@pytest.mark.parametrize(("call", "rule"), [("get", "V5"), ("put", "V5"), ("kmap", "V12"), ("kunmap", "V12")])
def test_what_may_sleep_may_not_be_called_in_an_atomic_mapping(call: str, rule: str) -> None:
    async def work(buffer: Buffer) -> None:
        await rfc2012.get_backing_storage(buffer)
        held = await rfc2012.kmap(buffer, 0)
        atomic = await rfc2012.kmap_atomic(buffer, 1)
        match call:
            case "get":
                await rfc2012.get_backing_storage(buffer)
            case "put":
                await rfc2012.put_backing_storage(buffer)
            case "kmap":
                await rfc2012.kmap(buffer, 0)
            case _:
                await rfc2012.kunmap(held)
        await rfc2012.kunmap_atomic(atomic)

    sleeping = [finding for finding in calling(work)[1].findings if finding.code == "sleep-in-atomic"]
    assert [finding.rule for finding in sleeping] == [rule]
