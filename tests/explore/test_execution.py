from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

import anyio
import pytest

from dmabuf_async.engine import ENGINES
from dmabuf_async.engine.core import Core
from dmabuf_async.errors import ReplayDiverged, ScenarioError
from dmabuf_async.explore.checking import check
from dmabuf_async.explore.execution import Job, execute, execution, perform, perform_async
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.single import single
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay

Make = Callable[..., Program]


class Exhausted(Calm):
    def start(self, run: object) -> bool:
        return False


@pytest.mark.parametrize("seed", range(10))
def test_an_execution_is_the_same_on_every_engine(make: Make, seed: int) -> None:
    inline, *others = [execute(make(), RandomWalk(seed), engine) for engine in ENGINES]
    assert inline is not None
    assert others == [inline, inline]


def test_what_it_showed_is_kept(make: Make) -> None:
    shown = execute(make(rounds=2), Calm())
    assert shown is not None
    assert shown.stopped == "ended"
    assert shown.steps == len(shown.trace.events)
    assert shown.primary == ()
    assert ("main/0", "step 2 load") in shown.reached
    assert shown.stubborn == ()
    assert set(shown.choices) == {0}


def test_only_primary_findings_are_judged(make: Make) -> None:
    for seed in range(30):
        shown = execute(make(), RandomWalk(seed))
        assert shown is not None
        assert [finding.primary for finding in shown.primary] == [True] * len(shown.primary)
        assert set(shown.primary) <= set(shown.findings)


def test_it_is_cut_at_the_limit(make: Make) -> None:
    shown = execute(make(), Calm(), max_steps=3)
    assert shown is not None
    assert (shown.steps, shown.stopped) == (3, "cut")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_strategy_with_nothing_left_makes_no_execution(make: Make, engine: str) -> None:
    assert execute(make(), Exhausted(), engine) is None


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_strategy_raises_reaches_the_caller_bare(make: Make, engine: str) -> None:
    with pytest.raises(ReplayDiverged, match="choice 1 of the schedule is option 77"):
        execute(make(), Replay([77]), engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_pace_is_asked_after_steps_and_kept(make: Make, engine: str) -> None:
    asked: list[float] = []

    def pace() -> Iterator[float]:
        asked.append(time.monotonic())
        yield 0.004
        yield 0.006

    shown = perform(execution(make(), Calm()), engine, pace)
    assert shown is not None
    assert len(asked) >= shown.steps
    assert asked[-1] - asked[0] >= 0.01 * (len(asked) - 1)
    assert shown == execute(make(), Calm())


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_between_steps_is_thrown_into_the_jobs(make: Make, engine: str) -> None:
    def pace() -> list[float]:
        raise KeyboardInterrupt

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - trio may wrap it
        perform(execution(make(), Calm()), engine, pace)
    assert "KeyboardInterrupt" in repr(caught.value)


@pytest.mark.parametrize("engine", ENGINES)
def test_who_looks_sees_the_machine_before_the_first_step_and_each_step_after(make: Make, engine: str) -> None:
    seen: list[int] = []

    def see(_machine: Any, watch: Any) -> Callable[[], None]:
        seen.append(watch.step)
        return lambda: seen.append(watch.step)

    shown = perform(execution(make(), Calm(), see=see), engine)
    assert shown is not None
    assert seen == list(range(shown.steps + 1))


def test_on_a_loop_that_runs_already_it_is_awaited(make: Make) -> None:
    async def here() -> object:
        return await perform_async(execution(make(), Calm()))

    assert anyio.run(here, backend="trio") == anyio.run(here) == execute(make(), Calm())


def test_jobs_that_go_on_after_an_error_are_refused(make: Make) -> None:
    def stubborn() -> Generator[Job, Core | None, None]:
        machine = make().machines()()
        while True:
            with suppress(ReplayDiverged):
                yield Job(machine, Replay([9]), None, 100)

    with pytest.raises(RuntimeError, match="must end"):
        perform(stubborn())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_task_that_would_end_the_program_is_the_scenarios_mistake(engine: str) -> None:
    async def leaves(cell: Any) -> None:
        await cell.store_release(1)
        raise SystemExit(3)

    program = Program("x.py:f", "x", lambda machine: machine.task("a", leaves, machine.cell("c")), b"")
    for jobs in (single(program, Calm()), fuzz(program, Calm(), executions=2)):
        with pytest.raises(ScenarioError, match=r"x.py:f: a task raises SystemExit\(3\)"):
            perform(jobs, engine)


def test_a_mistake_that_shows_only_when_it_is_executed_is_told_with_the_name_of_the_program() -> None:
    def adding(machine: Machine) -> None:
        async def work() -> None:
            await machine.counter("word", "x").add(1)  # type: ignore[arg-type]

        machine.task("work", work)

    for explore in (check, lambda program: perform(fuzz(program, RandomWalk(), executions=2))):
        with pytest.raises(ScenarioError, match=r"^x\.py:adding: work adds 1 to word, which holds 'x'"):
            explore(from_function(adding, "x.py:adding"))
