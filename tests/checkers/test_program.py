"""What an actor's own code says is wrong: assertions, and exceptions that nobody handled."""

from __future__ import annotations

import asyncio

import pytest

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.tasks import Group
from tests.harness import execute


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (AssertionError(), "assertion", "an assertion of work does not hold"),
        (AssertionError("one\n  two"), "assertion", "an assertion of work does not hold: one two"),
        (KernelError("ENOMEM"), "unhandled-exception", "work ended with KernelError: ENOMEM"),
        (LookupError(), "unhandled-exception", "work ended with LookupError"),
    ],
)
def test_an_exception_that_nobody_handled_is_told_in_one_line(error: Exception, code: str, message: str) -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("cell")

        async def work() -> None:
            await cell.load()
            raise error

        machine.task("work", work)

    [finding] = execute(build).findings
    assert (finding.code, finding.rule, finding.message) == (code, "", message)


def test_to_await_what_is_not_an_op_is_told_with_what_may_be_awaited() -> None:
    def build(machine: Machine) -> None:
        async def work() -> None:
            await asyncio.sleep(0)

        machine.task("work", work)

    [finding] = execute(build).findings
    assert finding.code == "unhandled-exception"
    assert finding.message.startswith("work awaited 'NoneType', which is not an op")


def test_what_a_child_raised_is_told_not_that_its_group_failed() -> None:
    def build(machine: Machine) -> None:
        async def child() -> None:
            raise AssertionError("no")

        async def work() -> None:
            async with Group() as group:
                await group.spawn(child)

        machine.task("work", work)

    [finding] = execute(build).findings
    assert (finding.code, finding.message) == ("assertion", "an assertion of work does not hold: no")


def test_an_exception_that_cannot_say_what_it_is_is_told_by_its_name() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise LookupError

    def build(machine: Machine) -> None:
        async def work() -> None:
            raise Mute

        machine.task("work", work)

    [finding] = execute(build).findings
    assert finding.message == "work ended with Mute"
