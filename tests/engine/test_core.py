"""The core chooses, applies, observes: choices are recorded, limits are kept, on every engine alike."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from dmabuf_async.engine import ENGINES
from dmabuf_async.errors import KernelError, ReplayDiverged
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.base import STOP, ChoicePoint, RunInfo
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay
from tests.harness import execute

pytestmark = pytest.mark.parametrize("engine", ENGINES)


def three(machine: Machine) -> None:
    """Three tasks of two ops."""
    cell = machine.cell("x")

    async def work() -> None:
        await cell.add(1)
        await cell.add(1)

    for name in "abc":
        machine.task(name, work)


def waits(machine: Machine) -> None:
    """A wait that may be interrupted, and who ends it."""
    cell = machine.cell("x")

    async def waiter() -> None:
        with suppress(KernelError):
            await cell.wait("==", 1, interruptible=True)

    async def stores() -> None:
        await cell.load()
        await cell.store(1)

    machine.task("waiter", waiter)
    machine.task("stores", stores)


class Noting(Calm):
    """Notes what it is asked, and answers as it was told."""

    def __init__(self, *answers: int) -> None:
        self.answers = answers
        self.asked: list[tuple[list[str], str, list[str]]] = []
        self.infos: list[RunInfo] = []

    def start(self, run: RunInfo) -> bool:
        self.infos.append(run)
        return True

    def choose(self, point: ChoicePoint) -> int:
        options = [f"{option.actor.name}{option.outcome and f' {option.outcome}'}" for option in point.options]
        assert len(options) == point.n >= 2
        pending = [option.actor.name for option in point.pending]
        self.asked.append((options, point.current.name, pending))
        at = len(self.asked) - 1
        return self.answers[at] if at < len(self.answers) else 0


def test_options_are_the_current_actor_then_others_by_path(engine: str) -> None:
    noting = Noting(1, 1, 2, 1)
    ran = execute(three, noting, trace=True, engine=engine)
    assert [(options, current) for options, current, _ in noting.asked] == [
        (["a", "b", "c"], "nobody"),
        (["b", "a", "c"], "b"),
        (["a", "b", "c"], "a"),
        (["c", "a", "b"], "c"),
        (["b", "c"], "a"),
    ]
    assert [text[0] for text in ran.texts()] == ["b", "a", "c", "a", "b", "c"]
    assert ran.choices == [1, 1, 2, 1, 0]
    assert noting.infos == [RunInfo(0, ("a", "b", "c"), 10_000)]


def test_points_with_one_option_are_not_asked_and_not_recorded(engine: str) -> None:
    noting = Noting()
    ran = execute(three, noting, engine=engine)
    assert ran.core.steps == 6
    assert ran.choices == [0] * len(noting.asked)
    assert [options for options, _, _ in noting.asked] == [["a", "b", "c"]] * 2 + [["b", "c"]] * 2


def test_pending_has_the_disabled_ones_too_and_options_what_the_environment_may_do(engine: str) -> None:
    noting = Noting(1)
    ran = execute(waits, noting, sizes=Sizes(eintr=1), trace=True, engine=engine)
    assert noting.asked[0] == (["stores", "waiter EINTR"], "nobody", ["waiter", "stores"])
    event = ran.watch.trace(ran.core).events[0]
    assert (event.actor, event.result, event.fault) == ("waiter", "EINTR", True)


@pytest.mark.parametrize("answer", [3, -2, 99])
def test_an_answer_that_is_no_option_is_the_mistake_of_the_strategy(engine: str, answer: int) -> None:
    with pytest.raises(IndexError, match=f"Noting chose {answer} of 3 options"):
        execute(three, Noting(answer), engine=engine)


def test_stop_ends_it_there_and_is_not_recorded(engine: str) -> None:
    ran = execute(three, Noting(0, 0, STOP), engine=engine)
    assert (ran.stopped, ran.core.steps, ran.choices) == ("stopped", 2, [0, 0])


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_it_is_cut_at_max_steps(engine: str, limit: int) -> None:
    ran = execute(three, max_steps=limit, engine=engine)
    assert (ran.stopped, ran.core.steps) == ("cut", limit)


def test_it_is_not_cut_when_it_ends_at_max_steps(engine: str) -> None:
    ran = execute(three, max_steps=6, engine=engine)
    assert (ran.stopped, ran.core.steps) == ("ended", 6)


def test_a_strategy_that_says_how_it_rolls_is_not_asked_and_the_same_comes_of_it(engine: str) -> None:
    class Asked:
        def __init__(self) -> None:
            self.walk = RandomWalk(5)
            self.count = 0

        def start(self, run: RunInfo) -> bool:
            return True

        def choose(self, point: ChoicePoint) -> int:
            self.count += 1
            return self.walk.choose(point)

    asked = Asked()
    rolled, chosen = (
        execute(three, RandomWalk(5), trace=True, engine=engine),
        execute(three, asked, trace=True, engine=engine),
    )
    assert rolled.choices == chosen.choices
    assert rolled.texts() == chosen.texts()
    assert asked.count == len(chosen.choices)


def test_a_replay_that_does_not_fit_is_told(engine: str) -> None:
    with pytest.raises(ReplayDiverged, match="choice 2 of the schedule is option 5"):
        execute(three, Replay([0, 5]), engine=engine)


def test_what_yields_itself_and_is_no_op_is_foreign(engine: str) -> None:
    class Text(str):
        __slots__ = ()

        def __await__(self) -> Any:
            yield self

    async def task() -> None:
        await Text("looks like nothing")

    ran = execute(lambda machine: machine.task("t", task), engine=engine)
    assert ran.findings[0].message.startswith("t awaited 'Text', which is not an op")
