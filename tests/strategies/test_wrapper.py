from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.base import ChoicePoint
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.catalogue import STRATEGIES
from dmabuf_async.strategies.wrapper import Wrapper
from tests.harness import execute


def program(machine: Machine) -> Any:
    cell = machine.cell("c")

    async def work() -> None:
        for _ in range(4):
            await cell.exchange(1)

    for name in "abc":
        machine.task(name, work)
    return lambda: None


class Counting(Wrapper):
    asked = 0

    def choose(self, point: ChoicePoint) -> int:
        self.asked += 1
        return super().choose(point)


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_answers_as_the_other_and_is_asked_for_each_choice(name: str) -> None:
    plain, inner = STRATEGIES[name](seed=7), STRATEGIES[name](seed=7)
    wrapped = Counting(inner)
    for _ in range(20):
        wrapped.asked = 0
        expected, seen = execute(program, plain), execute(program, wrapped)
        assert seen.choices == expected.choices
        assert wrapped.asked == len(seen.choices)


def test_one_that_does_not_attend_is_left_alone() -> None:
    assert execute(program, Wrapper(Calm())).choices == execute(program, Calm()).choices
