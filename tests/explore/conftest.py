"""Programs that tests of explorations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import settle
from dmabuf_async.scenario.program import Program
from dmabuf_async.tasks import Group

Make = Callable[..., Program]


async def _increment(cell: Any, rounds: int) -> None:
    value = 0
    for turn in range(rounds):
        await settle(turn, f"step {turn + 1} load")
        value = await cell.load_acquire()
        await settle((turn, value), f"step {turn + 1} store")
        await cell.store_release(value + 1)
        value = 0


@pytest.fixture
def make() -> Make:
    """Two tasks load and store a cell so many times; ``breaks``: a third asserts that nothing was lost at its end."""

    def program(
        *, rounds: int = 1, breaks: bool = True, name: str = "lost.py:lost", digest: bytes = b"lost", **more: Any
    ) -> Program:
        def build(machine: Machine) -> None:
            cell = machine.cell("c")

            async def both() -> None:
                async with Group() as group:
                    await group.spawn(_increment, cell, rounds)
                    await group.spawn(_increment, cell, rounds)
                value = await cell.load_acquire()
                assert value == 2 * rounds or not breaks, "an update was lost"

            machine.task("main", both)

        return Program(name=name, title="lost updates", build=build, digest=digest, **more)

    return program
