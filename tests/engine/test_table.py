"""Going by the table and being resumed show the same; only what may be known is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline, table
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import KernelError, ReplayDiverged
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import settle
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from tests.effort import times

pytestmark = pytest.mark.unaudited  # who is audited is resumed, as frames are what is looked at

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = [path for path in catalogue.find([str(SCENARIOS)]) if path.endswith(".toml")]


def shown(program: Program, executions: int, seed: int = 0) -> tuple[list[tuple[Any, ...]], Machine]:
    """Everything that a campaign could see of each execution."""
    machines, strategy = program.machines(), RandomWalk(seed)
    machine, seen = Machine(), []
    for index in range(executions):
        machine = machines()
        watch = Watch(machine, CHECKERS, footprints=True)
        core = inline.execute(machine, strategy, watch=watch, index=index)
        assert core is not None
        locals_ = [actor.local for actor in core.actors]
        seen.append((watch.trace(core), core.choices, core.stopped, machine.fingerprint, locals_, watch.reached))
    return seen, machine


def program(build: Callable[[Machine], object], sizes: Sizes | None = None) -> Program:
    return replace(from_function(build), reusable=True, sizes=sizes or Sizes())


def resumed(program: Program) -> Program:
    return replace(program, reusable=False)


def sizes_of(machine: Machine) -> list[int]:
    return [actor.table.size for actor in machine.actors if actor.table is not None]


@pytest.mark.parametrize("file", FILES, ids=[str(Path(file).relative_to(SCENARIOS)) for file in FILES])
def test_a_scenario_shows_the_same_whether_its_tasks_are_resumed_or_known(file: str) -> None:
    loaded = catalogue.load(file)
    known, machine = shown(loaded, times(10, 4))
    assert known == shown(resumed(loaded), times(10, 4))[0]
    assert all(sizes_of(machine))


def test_what_is_known_is_not_run_again() -> None:
    runs = 0

    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def work() -> None:
            nonlocal runs
            runs += 1
            await cell.store(1)
            await cell.load()

        machine.task("a", work)

    shown(program(build), 50)
    assert runs == 1


def test_one_and_true_are_different_results() -> None:
    def build(machine: Machine) -> None:
        cell, seen = machine.cell("c", 1), machine.cell("seen", "")

        async def writer() -> None:
            await cell.store(True)

        async def reader() -> None:
            value = await cell.load()
            await seen.store(repr(value))

        machine.task("writer", writer)
        machine.task("reader", reader)

    assert shown(program(build), 60)[0] == shown(resumed(program(build)), 60)[0]


def test_results_that_are_not_plain_are_not_kept() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c", (1,))

        async def work() -> None:
            await cell.load()
            await cell.store((2,))

        machine.task("a", work)

    seen, machine = shown(program(build), 5)
    assert seen == shown(resumed(program(build)), 5)[0]
    assert sizes_of(machine) == [1]  # up to the load


def test_tasks_with_groups_are_always_resumed() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def child() -> None:
            await cell.add(1)

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child)
                await group.spawn(child)

        machine.task("parent", parent)

    seen, machine = shown(program(build), 30)
    assert seen == shown(resumed(program(build)), 30)[0]
    table_ = machine.actors[0].table
    assert table_ is not None
    assert not table_.learns


def test_a_failing_task_fails_every_time() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def work() -> None:
            value = await cell.load_acquire()
            await cell.store_release(value + 1)
            raise ValueError("on purpose")

        machine.task("a", work)
        machine.task("b", work)

    seen, _ = shown(program(build), 20)
    assert seen == shown(resumed(program(build)), 20)[0]
    assert all({found.code for found in trace.findings} == {"unhandled-exception"} for trace, *_ in seen)


def test_an_interrupted_wait_is_known_too() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def sleeper() -> None:
            try:
                await cell.wait("==", 1, interruptible=True)
            except KernelError:
                await cell.store(7)

        async def waker() -> None:
            await cell.store(1)
            await machine.clock.sleep(3)
            await cell.store(2)

        machine.task("sleeper", sleeper)
        machine.task("waker", waker)

    sizes = Sizes(eintr=1)
    assert shown(program(build, sizes), 60)[0] == shown(resumed(program(build, sizes)), 60)[0]


def test_settling_closes_loops() -> None:
    def build(machine: Machine) -> None:
        done = machine.cell("done")

        async def poll() -> None:
            while True:
                await settle("poll")
                if await done.load():
                    return

        async def finish() -> None:
            await done.store(1)

        machine.task("poll", poll)
        machine.task("finish", finish)

    seen, machine = shown(program(build), 60)
    assert seen == shown(resumed(program(build)), 60)[0]
    assert sizes_of(machine) == [2, 2]  # before the load, however often; and after the end


def test_a_table_stops_growing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LIMIT", 5)

    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def work() -> None:
            for _ in range(6):
                await cell.add(1)

        machine.task("a", work)
        machine.task("b", work)

    seen, machine = shown(program(build), 40)
    assert seen == shown(resumed(program(build)), 40)[0]
    assert sizes_of(machine) == [5, 5]


def test_a_task_that_depends_on_something_else_is_told() -> None:
    runs = 0

    def build(machine: Machine) -> None:
        cell, other = machine.cell("c"), machine.mutex("m")

        async def fickle() -> None:
            nonlocal runs
            runs += 1
            await (cell.load() if runs == 1 else other.lock())
            await cell.load()

        async def changes(values: Iterable[int] = (1, 2, 3)) -> None:
            for value in values:
                await cell.store(value)

        machine.task("fickle", fickle)
        machine.task("changes", changes)

    said = (
        "fickle is not deterministic: given the same results again, it went on with `lock m`, where it had gone on with"
    )
    with pytest.raises(ReplayDiverged, match=f"^{said} `load c`"):
        shown(program(build), 100)


@pytest.mark.parametrize("nested", [lambda value: value, lambda value: (0, (value,)), lambda value: frozenset({value})])
def test_minus_one_and_minus_two_lead_to_different_local_states(nested: Callable[[int], object]) -> None:
    assert table.hashed(1, nested(-1)) != table.hashed(1, nested(-2))
