"""Reader-writer semaphores: many readers or one writer, and no queue."""

from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from tests.harness import all_executions, execute, outcomes


def test_readers_share_and_a_writer_is_alone() -> None:
    def build(machine: Machine) -> Any:
        sem = machine.rwsem("r")
        inside: list[str] = []
        most: list[int] = [0]

        async def read(name: str) -> None:
            await sem.down_read()
            assert "w" not in inside
            inside.append(name)
            most[0] = max(most[0], len(inside))
            await sem.up_read()
            inside.remove(name)

        async def write() -> None:
            await sem.down_write()
            inside.append("w")
            await sem.up_write()
            inside.remove("w")

        machine.task("a", read, "a", cpu=0)
        machine.task("b", read, "b", cpu=1)
        machine.task("w", write, cpu=1)
        return lambda: (most[0], sem.readers, sem.writer)

    seen = {ran.observed for ran in all_executions(build)}
    assert seen == {(1, (), None), (2, (), None)}


def test_a_reader_may_pass_a_writer_that_waits() -> None:
    def build(machine: Machine) -> Any:
        sem = machine.rwsem("r")
        order: list[str] = []

        async def first() -> None:
            await sem.down_read()
            await machine.things["cell c"].load()  # type: ignore[attr-defined]
            await sem.up_read()

        async def second() -> None:
            await sem.down_read()
            order.append("reader")
            await sem.up_read()

        async def write() -> None:
            await sem.down_write()
            order.append("writer")
            await sem.up_write()

        machine.cell("c")
        for name, work in (("first", first), ("second", second), ("writer", write)):
            machine.task(name, work)
        return lambda: tuple(order)

    assert set(outcomes(build)) == {("reader", "writer"), ("writer", "reader")}


def test_try_locks_never_wait_and_say_whether_they_took_it() -> None:
    def build(machine: Machine) -> Any:
        sem = machine.rwsem("r")

        async def work() -> None:
            said.append(await sem.down_read_trylock())
            said.append(await sem.down_read_trylock())
            said.append(await sem.down_write_trylock())
            await sem.up_read()
            await sem.up_read()
            said.append(await sem.down_write_trylock())
            said.append(await sem.down_read_trylock())
            await sem.up_write()

        said: list[bool] = []
        machine.task("a", work)
        return lambda: said

    ran = execute(build)
    assert ran.observed == [True, True, False, True, False]
    assert ran.findings == []


def test_a_reader_that_wants_to_write_waits_for_itself() -> None:
    def build(machine: Machine) -> None:
        sem = machine.rwsem("r")

        async def upgrade() -> None:
            await sem.down_read()
            await sem.down_write()

        machine.task("a", upgrade)

    assert [found.message for found in execute(build).findings] == ["a waits to down_write r, held by itself"]


@pytest.mark.parametrize(
    ("take", "give", "said"),
    [
        ("down_read", "up_write", "a calls up_write on r, which a holds"),
        ("down_write", "up_read", "a calls up_read on r, which a holds"),
        ("", "up_read", "a calls up_read on r, which nobody holds"),
        ("", "up_write", "a calls up_write on r, which nobody holds"),
    ],
)
def test_what_is_given_back_in_another_way_is_marked(take: str, give: str, said: str) -> None:
    def build(machine: Machine) -> None:
        sem = machine.rwsem("r")

        async def work() -> None:
            if take:
                await getattr(sem, take)()
            await getattr(sem, give)()

        machine.task("a", work)

    assert [(found.code, found.message) for found in execute(build).findings] == [("double-unlock", said)]
