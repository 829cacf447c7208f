"""Locks given back by others, taken in the wrong order, or not taken at all."""

from __future__ import annotations

import pytest

from dmabuf_async.machine.machine import Machine
from tests.harness import execute


@pytest.mark.parametrize("held", [False, True])
def test_an_unlock_of_what_one_does_not_hold_is_told_with_the_holder(held: bool) -> None:
    def build(machine: Machine) -> None:
        a = machine.mutex("a")

        async def holder() -> None:
            if held:
                await a.lock()

        async def unlocks() -> None:
            await a.unlock()

        machine.task("holder", holder)
        machine.task("work", unlocks)

    [finding] = execute(build).findings
    assert (finding.code, finding.rule) == ("double-unlock", "P7")
    assert finding.message == f"work unlocks a, which {'holder' if held else 'nobody'} holds"
