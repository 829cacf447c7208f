"""Hosted by a loop: real tasks, beside other tasks, cancelled from outside, paced."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import on_anyio
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.running import RunningLoop
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.base import ChoicePoint
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk

HOSTED = ("asyncio", "trio")


@pytest.fixture(params=HOSTED)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


class Spinning:
    """Two actors that never end by themselves, and what became of them."""

    def __init__(self, count: int = 2) -> None:
        self.over: list[str] = []
        self.machine = Machine()
        cell = self.cell = self.machine.cell("x")

        async def spin(name: str) -> None:
            try:
                while True:
                    await cell.load()
            finally:
                self.over.append(name)

        for number in range(count):
            self.machine.task(f"t{number}", spin, f"t{number}")
        self.machine.seal()


async def hosted(machine: Machine, **options: Any) -> Core:
    core = await on_anyio.execute(machine, RandomWalk(0), watch=Watch(machine, CHECKERS), **options)
    assert core is not None
    return core


def suspended(machine: Machine) -> list[str]:
    """Who could still be resumed."""
    return [
        actor.name
        for actor in machine.actors
        if actor.coroutine is not None and inspect.getcoroutinestate(actor.coroutine) != inspect.CORO_CLOSED
    ]


def test_every_actor_is_a_real_task_that_bears_its_name(engine: str) -> None:
    spinning, names = Spinning(), set[str]()

    async def main() -> None:
        async def pause() -> None:
            names.add(anyio.get_current_task().name or "")

        await hosted(spinning.machine, pause=pause, max_steps=20)

    on_anyio.run(engine, main)
    assert names == {"t0", "t1"}


def test_a_pause_is_awaited_after_each_step_and_once_for_each_actor_at_its_start(engine: str) -> None:
    spinning, count = Spinning(), 0

    async def main() -> None:
        async def pause() -> None:
            nonlocal count
            count += 1
            await anyio.lowlevel.checkpoint()

        await hosted(spinning.machine, pause=pause, max_steps=20)

    on_anyio.run(engine, main)
    assert count == 22


def test_what_a_pause_raises_comes_out_as_it_is(engine: str) -> None:
    spinning = Spinning()

    async def main() -> None:
        async def pause() -> None:
            raise LookupError("pace")

        with pytest.raises(LookupError, match="pace"):
            await hosted(spinning.machine, pause=pause)

    on_anyio.run(engine, main)
    assert spinning.over == ["t0"] or not spinning.over


def test_other_tasks_of_the_program_go_on_meanwhile(engine: str) -> None:
    ticks: list[int] = []

    async def main() -> None:
        async def other() -> None:
            while True:
                ticks.append(1)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(other)
            async with anyio.create_task_group() as simulations:
                for _ in range(3):  # beside each other
                    simulations.start_soon(hosted, Spinning(1).machine)
                    simulations.start_soon(alone)
                await anyio.sleep(0.1)
                simulations.cancel_scope.cancel()
            group.cancel_scope.cancel()

    async def alone() -> None:
        await hosted(Spinning(1).machine, max_steps=500)

    on_anyio.run(engine, main)
    assert len(ticks) > 5


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, 5, 6, 7, 20, 61])
def test_a_scope_around_it_can_be_cancelled_at_any_moment(engine: str, turns: int) -> None:
    spinning = Spinning()

    async def main() -> None:
        async def canceller(scope: anyio.CancelScope) -> None:
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            scope.cancel()

        async with anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                group.start_soon(canceller, scope)
                await hosted(spinning.machine, max_steps=10**9)
            assert scope.cancelled_caught

    on_anyio.run(engine, main)
    assert suspended(spinning.machine) == []


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, 5, 6, 7, 20, 61])
def test_a_task_of_asyncio_can_be_cancelled_at_any_moment(turns: int) -> None:
    spinning = Spinning()

    async def main() -> None:
        task = asyncio.create_task(hosted(spinning.machine, max_steps=10**9))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert suspended(spinning.machine) == []


def test_a_cancelled_pause_tears_down(engine: str) -> None:
    spinning = Spinning()

    async def main() -> None:
        with anyio.move_on_after(0.01) as scope:
            await hosted(spinning.machine, pause=anyio.sleep_forever)
        assert scope.cancelled_caught

    on_anyio.run(engine, main)
    assert spinning.over == ["t0"]


def test_a_timeout_ends_a_run_that_would_not_end(engine: str) -> None:
    spinning = Spinning(1)  # alone it never hands the baton on: its host lets the loop breathe

    async def main() -> None:
        with anyio.move_on_after(0.02) as scope:
            await hosted(spinning.machine, max_steps=10**9)
        assert scope.cancelled_caught

    on_anyio.run(engine, main)
    assert spinning.over == ["t0"]


def test_nothing_to_explore_and_nobody_to_run_are_no_special_cases(engine: str) -> None:
    class Nothing(Calm):
        def start(self, run: Any) -> bool:
            return False

    async def main() -> tuple[Core | None, Core | None]:
        machines = Machine(), Machine()
        for machine in machines:
            machine.seal()
        return await on_anyio.execute(machines[0], Nothing()), await on_anyio.execute(machines[1], Calm())

    nothing, nobody = on_anyio.run(engine, main)
    assert nothing is None
    assert nobody is not None
    assert (nobody.stopped, nobody.steps) == ("ended", 0)


def test_what_a_strategy_raises_comes_out_as_it_is_and_not_in_a_group(engine: str) -> None:
    class Wrong(Calm):
        def choose(self, point: ChoicePoint) -> int:
            raise LookupError("choice")

    spinning = Spinning()

    async def main() -> None:
        with pytest.raises(LookupError, match="choice"):
            await on_anyio.execute(spinning.machine, Wrong())

    on_anyio.run(engine, main)
    assert spinning.over == ["t1", "t0"]


def test_a_watch_sees_the_loop_and_may_wake_tasks_of_the_program(engine: str) -> None:
    spinning, seen = Spinning(), list[int]()

    async def main() -> None:
        reached = anyio.Event()

        def look() -> None:
            if watch.step == 50:
                reached.set()

        watch = Watch(spinning.machine, CHECKERS, on_step=look)

        async def waits() -> None:
            await reached.wait()
            seen.append(watch.step)

        async with anyio.create_task_group() as group:
            group.start_soon(waits)
            await on_anyio.execute(spinning.machine, RandomWalk(0), watch=watch, max_steps=1000)

    on_anyio.run(engine, main)
    assert 50 <= seen[0] < 150


def test_an_interrupt_between_two_steps_comes_out_as_it_is(engine: str) -> None:
    """Not in a group, whichever task it hits."""
    spinning = Spinning()

    async def main() -> None:
        async def pause() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await hosted(spinning.machine, pause=pause)

    on_anyio.run(engine, main)

    async def group_is_hit() -> None:
        stage = on_anyio._Stage(Core(spinning.machine, Calm(), hosted=True), RunningLoop(), None)
        stage.core.populate()

        async def host(actor: Any) -> None:
            raise KeyboardInterrupt

        stage.host = host  # type: ignore[method-assign]
        try:
            with pytest.raises(KeyboardInterrupt):
                await stage.play()
        finally:
            for actor in spinning.machine.actors:
                assert actor.coroutine is not None
                actor.coroutine.close()

    if engine == "trio":  # asyncio lets an interrupt of a task out of the loop itself
        spinning.machine.reset()
        on_anyio.run(engine, group_is_hit)


# Speed -----------------------------------------------------------------------------------------
