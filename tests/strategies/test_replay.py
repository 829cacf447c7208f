from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay
from tests.harness import execute


def program(machine: Machine) -> Any:
    cell = machine.cell("c")
    order: list[str] = []

    async def work(name: str) -> None:
        for _ in range(3):
            await cell.load()
            order.append(name)

    for name in "abc":
        machine.task(name, work, name)
    return lambda: "".join(order)


@given(st.integers(0, 1000))
def test_the_recorded_answers_give_the_same_execution(seed: int) -> None:
    walked = execute(program, RandomWalk(seed))
    replay = Replay(walked.choices)
    replayed = execute(program, replay)
    assert (replayed.observed, replayed.choices) == (walked.observed, walked.choices)
    assert replay.unused == 0


def test_when_the_answers_are_used_up_it_goes_on_calmly() -> None:
    assert execute(program, Replay([2])).observed == "cccaaabbb"
    assert execute(program, Replay([])).observed == "aaabbbccc"


def test_answers_that_are_not_asked_for_are_counted() -> None:
    replay = Replay([0] * 100)
    execute(program, replay)
    assert replay.unused == 100 - 6  # when c is left alone, nothing is asked


def test_an_answer_that_does_not_exist_is_told_with_its_place() -> None:
    with pytest.raises(ReplayDiverged, match="choice 2 of the schedule is option 3, but only options 0 to 2 exist"):
        execute(program, Replay([0, 3]))


def test_it_begins_anew_with_each_execution() -> None:
    replay = Replay([2, 1])
    assert execute(program, replay).observed == execute(program, replay).observed
