"""What an actor's own code says is wrong: assertions, and exceptions that nobody handled."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.tasks import Group
from dmabuf_async.trace.events import Finding
from tests.harness import execute


def told(finding: Finding) -> str:
    """Its message, without the number of the line."""
    return re.sub(r":\d+\)$", ":_)", finding.message)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (AssertionError(), "assertion", "an assertion of work does not hold (test_program.py:_)"),
        (
            AssertionError("one\n  two"),
            "assertion",
            "an assertion of work does not hold: one two (test_program.py:_)",
        ),
        (KernelError("ENOMEM"), "unhandled-exception", "work ended with KernelError: ENOMEM (test_program.py:_)"),
        (LookupError(), "unhandled-exception", "work ended with LookupError (test_program.py:_)"),
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
    assert (finding.code, finding.rule, told(finding)) == (code, "", message)


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
    assert (finding.code, told(finding)) == (
        "assertion",
        "an assertion of work does not hold: no (test_program.py:_)",
    )


def test_an_exception_that_cannot_say_what_it_is_is_told_by_its_name() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise LookupError

    def build(machine: Machine) -> None:
        async def work() -> None:
            raise Mute

        machine.task("work", work)

    [finding] = execute(build).findings
    assert told(finding) == "work ended with Mute (test_program.py:_)"


def test_the_place_is_in_the_file_of_the_task_whoever_raised_it() -> None:
    """Not in a library that it calls, nor in what that calls; and one that has no file has none."""
    made: dict[str, Any] = {}
    exec("async def lost(): {}['x']", made)  # noqa: S102 - code without a file

    async def calls() -> None:
        json.loads("{")

    async def called() -> None:
        await calls()

    def messages(work: Any) -> list[str]:
        return [finding.message for finding in execute(lambda machine: machine.task("work", work)).findings]

    line = calls.__code__.co_firstlineno + 1
    said = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    for work in (calls, called):
        assert messages(work) == [f"work ended with JSONDecodeError: {said} (test_program.py:{line})"]
    assert messages(made["lost"]) == ["work ended with KeyError: 'x'"]
