"""Who could go on, who is parked; how actors come and go."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from dmabuf_async.engine import ENGINES
from dmabuf_async.engine.core import Core
from dmabuf_async.errors import RunOver, ScenarioError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.base import ChoicePoint, RunInfo
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from tests.harness import all_executions, execute


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def crowd(machine: Machine) -> None:
    """Locks, waits, timers, children: everything by which somebody may be disabled."""
    cell, mutex = machine.cell("x"), machine.mutex("m")

    async def child() -> None:
        await mutex.lock()
        await cell.add(1)
        await mutex.unlock()

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(child)
            await group.spawn(child)
            await cell.wait(">", 0)
        await machine.clock.sleep(3)
        await mutex.lock()
        await mutex.unlock()

    machine.task("a", parent)
    machine.task("b", parent, cpu=1)
    machine.task("c", child, cpu=1)


@pytest.mark.parametrize("seed", range(20))
def test_ready_is_who_is_enabled_by_path_at_every_choice(engine: str, seed: int) -> None:
    class Looks:
        def __init__(self) -> None:
            self.walk = RandomWalk(seed)
            self.core: Any = None

        def start(self, run: RunInfo) -> bool:
            return True

        def choose(self, point: ChoicePoint) -> int:
            core: Core = point._source  # type: ignore[assignment]
            enabled = [
                actor
                for actor in core.actors
                if actor.op is not None and not actor.ended and core.machine.enabled(actor, actor.op)
            ]
            tasks = [actor for actor in core.ready if actor.cpu is not None]
            assert tasks == sorted(enabled, key=lambda actor: actor.path)
            assert [actor for actor in core.actors if actor.ready] == [a for a in core.actors if a in tasks]
            return self.walk.choose(point)

    ran = execute(crowd, Looks(), engine=engine)
    assert ran.stopped == "ended"
    assert ran.core.ready == []
    assert ran.machine.cpus[0].pending == ran.machine.cpus[1].pending == []


def test_who_waits_is_parked_on_what_it_waits_for(engine: str) -> None:
    def build(machine: Machine) -> None:
        never = machine.cell("never")

        async def waits() -> None:
            await never.wait("==", 1)

        machine.task("a", waits)
        machine.task("b", waits)

    ran = execute(build, engine=engine)
    assert ran.stopped == "deadlock"
    assert [finding.code for finding in ran.findings] == ["deadlock"]


def test_daemons_that_idle_do_not_keep_a_run_alive(engine: str) -> None:
    ended: list[str] = []

    def build(machine: Machine) -> None:
        wanted, cell = machine.cell("wanted"), machine.cell("x")

        async def daemon() -> None:
            try:
                while True:
                    await wanted.wait("==", 1, idle=True)
                    await wanted.store(0)
            finally:
                ended.append("daemon")

        async def ticks() -> None:
            while True:
                await machine.clock.sleep(5)

        async def task() -> None:
            await wanted.store(1)
            await cell.load()

        machine.task("daemon", daemon, daemon=True)
        machine.task("ticks", ticks, daemon=True)
        machine.task("task", task)

    ran = execute(build, engine=engine)
    assert ran.stopped == "ended"
    assert not ran.findings
    assert ended == ["daemon"]


def test_the_clock_fires_as_soon_as_there_is_a_timer_and_time_is_what_it_says() -> None:
    def build(machine: Machine) -> Any:
        order: list[str] = []

        async def sleeps(name: str, ticks: int) -> None:
            await machine.clock.sleep(ticks)
            order.append(name)

        machine.task("long", sleeps, "long", 5)
        machine.task("short", sleeps, "short", 2)
        return lambda: (tuple(order), machine.clock.now)

    seen = {ran.observed for ran in all_executions(build)}
    assert {times for _, times in seen} == {5, 7}
    assert {order for order, _ in seen} == {("long", "short"), ("short", "long")}


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: 3, "AttributeError"),
        (lambda: (yield), "AttributeError: 'generator'"),
        (lambda one: one, "TypeError"),
        (7, "TypeError"),
    ],
)
def test_what_is_no_async_function_cannot_be_started(engine: str, function: Any, said: str) -> None:
    with pytest.raises(ScenarioError, match=f"task 't' cannot be started: .* says {said}"):
        execute(lambda machine: machine.task("t", function), engine=engine)


def test_who_has_not_begun_is_closed_without_a_warning() -> None:
    machine = Machine()

    async def task() -> None:
        raise AssertionError("never begins")

    machine.task("t", task)
    machine.seal()
    core = Core(machine, Calm())
    assert core.begin()
    core.wind_down(lambda throw, *arguments: throw(*arguments))
    assert machine.actors[0].coroutine is not None
    assert core.stubborn == []


def test_an_interrupt_while_the_run_winds_down_is_not_lost(engine: str) -> None:
    def build(machine: Machine) -> None:
        never = machine.cell("never")

        async def task() -> None:
            try:
                await never.wait("==", 1)
            finally:
                raise KeyboardInterrupt  # as if Ctrl-C came now

        machine.task("t", task)

    with pytest.raises(KeyboardInterrupt):
        execute(build, engine=engine)


def test_an_actor_that_catches_run_over_once_is_told_again(engine: str) -> None:
    told: list[int] = []

    def build(machine: Machine) -> None:
        never = machine.cell("never")

        async def task() -> None:
            for number in range(5):
                with suppress(RunOver):
                    await never.wait("==", 1)
                told.append(number)

        machine.task("t", task)

    assert execute(build, engine=engine).core.stubborn == []
    assert told == [0, 1, 2, 3, 4]
