from __future__ import annotations

from typing import Any

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.kmap import AtomicKmapCall, MapAtomic, UnmapAtomic
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.protocol.rfc2012 import get_backing_storage, put_backing_storage
from tests.harness import codes, execute, filled, outcomes


def test_a_page_copy_can_be_torn_because_it_is_one_op_a_word() -> None:
    """Somebody writes a word of the source between the copies: the first before or after its copy, and so on."""

    def build(machine: Machine) -> Any:
        buffer = filled(machine)
        page, source = buffer.pages[0], machine.zones["ram"].places[0]
        target = machine.zones["ram"].places[1]
        target.owner = page

        async def copy() -> None:
            for word in range(2):
                await page.copy(word, source, target)

        async def write() -> None:
            mapping = await AtomicKmapCall(buffer, 0, atomic=True)
            await MapAtomic(mapping, source)
            for word in range(2):
                await mapping.store(word)

        machine.task("copier", copy)
        machine.task("writer", write, cpu=1)
        return lambda: tuple(target in word.newest for word in page.words)

    # Copied as it was, copied as it is, or torn: one way or the other.
    torn = {(True, False), (False, True)}
    assert set(outcomes(build, sizes=Sizes(ram=2))) == {(False, False), (True, True)} | torn


def test_what_is_copied_from_an_old_copy_is_old() -> None:
    def build(machine: Machine) -> Any:
        page = filled(machine).pages[0]
        new, old, copy = machine.zones["ram"].places[:3]
        for place in (old, copy):
            place.owner = page
        page.words[0].newest = frozenset((new, copy))

        async def work() -> None:
            await page.copy(0, old, copy)

        machine.task("a", work)
        return lambda: page.words[0].newest == {new}

    assert execute(build).observed is True


def test_copying_through_a_place_of_somebody_else_is_marked() -> None:
    def build(machine: Machine) -> None:
        page, other = filled(machine).pages[0], filled(machine, name="c").pages[0]
        assert page.where is not None
        assert other.where is not None
        free = machine.zones["ram"].places[3]
        mine, theirs = page.where, other.where

        async def work() -> None:
            await page.copy(0, mine, theirs)
            await page.copy(0, mine, free)

        machine.task("a", work)

    assert [finding.message for finding in execute(build).findings] == [
        "a copies a word through ram#1, which is c[0]'s by now",
        "a copies a word through ram#3, which is free",
    ]


def test_switch_changes_where_a_page_is_and_look_tells_it() -> None:
    def build(machine: Machine) -> Any:
        page, target = filled(machine).pages[0], machine.zones["swap"].places[0]
        seen: list[Any] = []

        async def work() -> None:
            for place in (target, None):
                await page.switch(place)
                seen.append(await page.look())

        machine.task("a", work)
        return lambda: [place and place.name for place in seen]

    assert execute(build, trace=True).observed == ["swap#0", None]
    assert execute(build, trace=True).texts() == [
        "a: switch b[0] to swap#0", "a: look where b[0] is", "a: switch b[0] to nothing", "a: look where b[0] is",
    ]  # fmt: skip


def begun(*, written: bool) -> Any:
    """A page that comes from nowhere is mapped and read; before that it may have been written elsewhere, and lost."""

    def build(machine: Machine) -> Any:
        buffer = machine.buffer("b")
        page, (first, second) = buffer.pages[0], machine.zones["ram"].places
        for place in (first, second):
            place.owner = page
        said: list[bool] = []

        async def work() -> None:
            if written:
                await page.switch(first)
                mapping = await AtomicKmapCall(buffer, 0, atomic=True)
                await MapAtomic(mapping, first)
                await mapping.store(0)
                await UnmapAtomic(mapping)
                await page.switch(None)
                await machine.zones["ram"].release(first)
            await page.switch(second)
            mapping = await AtomicKmapCall(buffer, 0, atomic=True)
            await MapAtomic(mapping, second)
            said.append(await mapping.load(0))

        machine.task("a", work)
        return lambda: said

    return execute(build, sizes=Sizes(ram=2))


def every_code(ran: Any) -> list[str]:
    return [finding.code for finding in ran.watch.findings]


def test_a_page_that_comes_from_nowhere_begins_with_what_lies_there() -> None:
    assert begun(written=False).observed == [True]
    assert "stale-read" not in every_code(begun(written=False))


def test_who_knows_what_was_written_before_a_page_began_anew_reads_what_is_stale() -> None:
    assert begun(written=True).observed == [True], "in time nothing is newer than the zeros"
    assert "stale-read" in every_code(begun(written=True))


def test_a_buffer_is_as_large_as_its_pages_and_starts_with_one_reference() -> None:
    buffer = filled(Machine(), pages=3)
    assert (buffer.size, buffer.references) == (3 * PAGE_SIZE, 1)
    assert [page.name for page in buffer.pages] == ["b[0]", "b[1]", "b[2]"]
    places = [page.where.name for page in buffer.pages if page.where]
    assert places == ["ram#0", "ram#1", "ram#2"]


def test_switching_a_page_that_somebody_pins_is_told_in_the_interleavings_in_which_it_is_pinned() -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("b")
        StaticExporter(machine, buffer, "ram")
        lock: Any = buffer.lock
        place = buffer.pages[0].where

        async def use() -> None:
            await get_backing_storage(buffer)
            await put_backing_storage(buffer)

        async def move() -> None:
            await lock.lock()
            await buffer.pages[0].switch(place)
            await lock.unlock()

        machine.task("user", use)
        machine.task("mover", move, cpu=1)

    assert codes(build) == {"moved-while-pinned"}
