"""Choice points: their canonical order, and what is asked at all."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from dmabuf_async.engine import inline
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.base import STOP, ChoicePoint, RunInfo
from tests.harness import all_executions, execute, interleavings, loads, machine_for, outcomes


@pytest.mark.parametrize("lengths", [(1,), (1, 1), (2, 2), (3, 3), (4, 2), (2, 2, 2), (1, 1, 1, 1), (3, 2, 1)])
def test_every_interleaving_is_reached_once_as_many_as_the_multinomial_says(lengths: tuple[int, ...]) -> None:
    counts = outcomes(loads(*lengths))
    assert counts.total() == len(counts) == interleavings(*lengths)


def test_a_point_with_one_option_is_not_asked() -> None:
    assert execute(loads(5)).choices == []
    assert execute(loads(2, 2)).choices == [0, 0]  # once a has ended, b is alone
    assert execute(loads(2, 2), [1]).choices == [1, 0]


def test_outcomes_of_an_op_multiply_the_interleavings() -> None:
    def build(machine: Machine) -> None:
        page = machine.buffer("b").pages[0]

        async def take() -> None:
            with suppress(KernelError):
                await machine.zones["ram"].alloc(page)

        machine.task("a", take)
        machine.task("b", take, cpu=1)

    # Two orders, each: nobody fails, the first fails, the second fails.
    assert sum(1 for _ in all_executions(build, sizes=Sizes(enomem=1), checkers=())) == 2 * 3
    assert sum(1 for _ in all_executions(build, sizes=Sizes(enomem=2), checkers=())) == 2 * 4


class Recorder:
    """Answers as told, then calmly; notes what every point offered."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.points: list[tuple[str, list[str], list[str]]] = []
        self.info: RunInfo | None = None
        self.keys: list[Any] = []

    def start(self, run: RunInfo) -> bool:
        self.info = run
        return True

    def choose(self, point: ChoicePoint) -> int:
        assert point.n == len(point.options)
        offered = [f"{option.actor.name} {option.outcome}".strip() for option in point.options]
        pending = [option.actor.name for option in point.pending]
        self.points.append(("outcome" if point.is_outcome else point.current.name, offered, pending))
        self.keys.append([point.key(index) for index in range(point.n)])
        return self.answers.pop(0) if self.answers else 0


def test_options_stand_in_canonical_order_current_first_then_by_path_then_environment() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def work() -> None:
            await machine.clock.sleep(1)
            await cell.load()

        async def wait() -> None:
            await cell.wait("==", 1, interruptible=True)

        for name in "abc":
            machine.task(name, work, cpu=1, user=name == "c")
        machine.task("waiter", wait)

    recorder = Recorder(1, 0, 2)
    execute(build, recorder, sizes=Sizes(eintr=1, kills=1), max_steps=5)
    assert recorder.points[0][1] == ["a", "b", "c", "killer of c", "waiter EINTR"]
    assert recorder.points[1][:2] == ("b", ["a", "c", "clock", "killer of c", "waiter EINTR"])
    assert recorder.points[2][:2] == ("a", ["c", "clock", "killer of c", "waiter EINTR"])
    assert recorder.points[3][:2] == ("a", ["c", "clock", "waiter EINTR"])  # the budget of kills is spent
    assert recorder.points[0][2] == ["a", "b", "c", "waiter"]  # the disabled one too


def test_a_point_says_whether_it_asks_who_or_what() -> None:
    def build(machine: Machine) -> None:
        page = machine.buffer("b").pages[0]

        async def take() -> None:
            await machine.zones["ram"].alloc(page)

        machine.task("a", take)
        machine.task("b", take, cpu=1)

    recorder = Recorder(1, 1)
    execute(build, recorder, sizes=Sizes(enomem=1), checkers=())
    assert recorder.points[0][0] == "nobody"
    assert recorder.points[1][:2] == ("outcome", ["b", "b ENOMEM"])
    assert recorder.keys == [[((0,), ""), ((1,), "")], [((1,), ""), ((1,), "ENOMEM")]]
    assert len(recorder.points) == 2


def test_a_strategy_is_told_what_is_known_before() -> None:
    recorder = Recorder()
    execute(loads(1, 1), recorder, max_steps=7)
    assert recorder.info == RunInfo(0, ("a", "b"), 7)


def test_a_strategy_may_stop_an_execution() -> None:
    ran = execute(loads(3, 3), Recorder(0, STOP))
    assert (ran.stopped, ran.observed, ran.choices) == ("stopped", "a", [0])


@pytest.mark.parametrize("answer", [2, 7, -2])
def test_an_answer_that_is_no_option_is_an_error_of_the_strategy(answer: int) -> None:
    with pytest.raises(IndexError, match=f"Recorder chose {answer} of 2 options"):
        execute(loads(1, 1), Recorder(answer))


def test_a_strategy_that_has_nothing_left_makes_no_execution() -> None:
    class Done(Recorder):
        def start(self, run: RunInfo) -> bool:
            return False

    machine, _ = machine_for(loads(1, 1))
    assert inline.execute(machine, Done()) is None
