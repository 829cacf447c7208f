from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.guard import Guard
from dmabuf_async.strategies.pct import Pct
from dmabuf_async.strategies.replay import Replay
from tests.harness import Build, execute, loads

pytestmark = pytest.mark.unaudited  # the programs are not deterministic


def guarded(build: Build, answers: list[int], **options: Any) -> str:
    """What the guard says of executions with the same answers; empty if nothing."""
    guard = Guard(Replay(answers), "it")
    try:
        for _ in range(3):
            guard.compare(execute(build, guard, **options).core)
    except ReplayDiverged as error:
        return str(error)
    return ""


def changing(*, ops: tuple[str, ...] = ("x", "x", "x"), steps: tuple[int, ...] = (2, 2, 2)) -> Build:
    """What a task stores to, and how often, depends on how many executions there were."""
    executions = iter(zip(ops, steps, strict=True))

    def build(machine: Machine) -> None:
        name, count = next(executions)
        counters = {name: machine.counter(name) for name in "xy"}

        async def one() -> None:
            for _ in range(count):
                await counters[name].store(1)

        async def two() -> None:
            await counters["x"].load()

        machine.task("one", one)
        machine.task("two", two)

    return build


def test_nothing_is_said_of_executions_that_are_the_same() -> None:
    assert guarded(loads(3, 2), [1, 0, 1]) == ""
    assert guarded(changing(), []) == ""


def test_the_first_difference_is_named_by_choice_actor_and_op() -> None:
    said = guarded(changing(ops=("x", "x", "y")), [])
    assert "it is not deterministic" in said
    assert "it offered one: store y 1, and not one: store x 1, at choice 1. Look for" in said


@pytest.mark.parametrize(("gates", "word"), [((1, 1, 0), "could not"), ((0, 1, 1), "could")])
def test_who_can_go_on_or_no_longer_can_is_named(gates: tuple[int, ...], word: str) -> None:
    values = iter(gates)

    def build(machine: Machine) -> None:
        gate = machine.counter("gate", next(values))

        async def step() -> None:
            await gate.load()

        async def wait() -> None:
            await gate.wait("==", 1)

        for name in "ab":
            machine.task(name, step)
        machine.task("c", wait)

    assert f"it {word} go on with c: wait gate == 1 at choice 1" in guarded(build, [])


def test_an_execution_that_ends_sooner_or_later_is_told() -> None:
    assert "ended after 1 of 2 choices" in guarded(changing(steps=(2, 1, 1)), [])
    assert "went on after 2 choices, where it had ended" in guarded(changing(steps=(2, 3, 3)), [])
    assert "had 4 steps, where it had had 3" in guarded(changing(steps=(2, 3, 3)), [1])


def test_another_end_of_an_actor_and_another_state_are_told() -> None:
    lives = iter(range(9))

    def failing(machine: Machine) -> None:
        async def fail() -> None:
            await machine.counter("x").load()
            assert next(lives) < 2

        machine.task("a", fail)

    def storing(machine: Machine) -> None:
        async def store() -> None:
            await machine.counter("x").store(next(values))

        machine.task("a", store)

    values = iter((3, 3, 4))
    assert "it ended a by AssertionError, and had ended it well" in guarded(failing, [])
    assert "it left the machine in another state" in guarded(storing, [])


def test_an_outcome_that_is_not_offered_again_is_told() -> None:
    budgets = iter((1, 1, 0))

    def build(machine: Machine) -> None:
        page = machine.buffer("b").pages[0]
        machine.faults.enomem = next(budgets)

        async def take() -> None:
            await machine.zones["ram"].alloc(page)
            await machine.zones["ram"].alloc(page)

        for name in "ab":
            machine.task(name, take)

    said = guarded(build, [], sizes=Sizes(enomem=1))
    assert "offered b: alloc frame for b[0], and not a: alloc frame for b[0] (ENOMEM), at choice 2" in said


def test_it_may_wrap_a_sampler_which_then_chooses_as_it_would_alone() -> None:
    guard, alone = Guard(Pct(3), "it"), Pct(3)
    choices = execute(loads(3, 3), alone).choices
    assert execute(loads(3, 3), guard).choices == choices
    assert len(guard._offers) == len(choices)
