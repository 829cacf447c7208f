"""The law of what is known: the verdict is the one that executing everything would give; and knowing is bounded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.engine.audit import Audit
from dmabuf_async.engine.core import Core
from dmabuf_async.explore import fuzzing, known
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.progress import Progress
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import settle
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from tests.effort import times
from tests.programs import Spec, specs

pytestmark = pytest.mark.unaudited  # audited executions are all made

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = [name for name in catalogue.find([str(SCENARIOS)]) if name.endswith(".toml")]
SWAP_OUT = str(SCENARIOS / "pin" / "swap-out-race.toml")


class Executed(RandomWalk):
    """The same answers, but nothing derived from RandomWalk is known."""


def campaign(
    program: Program, strategy: RandomWalk, executions: int, *, engine: str = "inline", **options: Any
) -> tuple[Verdict, int]:
    """The verdict, the time that it took apart, and how many executions led where nothing was known."""
    made = 0
    learn = known.Known.learn

    def counted(self: known.Known, core: Core) -> None:
        nonlocal made
        made += 1
        learn(self, core)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known.Known, "learn", counted)
        verdict = perform(fuzz(program, strategy, executions=executions, **options), engine)
    return replace(verdict, seconds=0.0), made


def check_law(program: Program, seed: int, executions: int, **options: Any) -> int:
    """Both verdicts are the same; how many executions need not be made."""
    ours, made = campaign(program, RandomWalk(seed), executions, **options)
    others, all_made = campaign(program, Executed(seed), executions, **options)
    assert all_made == executions
    assert ours == others
    return executions - made


def reusable(build: Callable[[Machine], object]) -> Program:
    return replace(from_function(build), reusable=True)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[known.Known]:
    """All that campaigns come to know."""
    made: list[known.Known] = []

    def make(*arguments: Any) -> known.Known:
        made.append(known.Known(*arguments))
        return made[-1]

    monkeypatch.setattr(fuzzing, "Known", make)
    return made


# The law -----------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids=[str(Path(file).relative_to(SCENARIOS)) for file in FILES])
def test_the_verdict_on_every_scenario_is_the_same_whether_what_is_known_is_executed_or_not(file: str) -> None:
    large = file.startswith(str(SCENARIOS / "large"))  # it takes as long as a dozen others
    program, many, few = catalogue.load(file), times(15 if large else 60, 15), times(10 if large else 20, 10)
    for seed, executions, max_steps in ((0, many, MAX_STEPS), (1, few, MAX_STEPS), (2, few, 25), (3, few, 12)):
        check_law(program, seed, executions, max_steps=max_steps)


@pytest.mark.parametrize("max_steps", range(1, 16))
def test_the_limit_of_steps_cuts_what_came_to_a_known_place_by_a_longer_way(max_steps: int) -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def work() -> None:
            for _ in range(1 + 3 * await cell.load()):
                await cell.store(1)
            await settle("whichever way it came", "here")
            for _ in range(2):
                await cell.load()

        machine.task("one", work)
        machine.task("two", work)

    for seed in range(5):
        check_law(reusable(build), seed, 100, max_steps=max_steps)


@settings(max_examples=times(30, 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(specs(), st.integers(0, 99), st.sampled_from([5, 20, MAX_STEPS]), st.sampled_from([4, 100, known.LIMIT]))
def test_the_verdict_on_random_programs_is_the_same(spec: Spec, seed: int, max_steps: int, limit: int) -> None:
    program = Program("x", "x", spec.furnish, b"", spec.sizes, reusable=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known, "LIMIT", limit)
        check_law(program, seed, 100, max_steps=max_steps)


@pytest.mark.parametrize("limit", [0, 1, 10, 50, 200])
def test_what_is_known_has_a_bound_and_the_verdict_does_not_depend_on_it(
    limit: int, kept: list[known.Known], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "LIMIT", limit)
    check_law(catalogue.load(SWAP_OUT), 0, times(2_000, 500))
    nodes = kept[0]._nodes  # of the campaign that was walked
    assert sum(len(edges) - 1 for edges in nodes.values()) <= limit  # one for each option, and one beside


def test_what_was_learned_before_the_bound_was_met_is_walked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    program = catalogue.load(SWAP_OUT)
    _, all_known = campaign(program, RandomWalk(0), 2_000)
    monkeypatch.setattr(known, "LIMIT", 300)
    _, made = campaign(program, RandomWalk(0), 2_000)
    assert all_known < made < 1_500


def test_where_checkers_look_for_nothing_nothing_is_found_but_the_same_is_walked() -> None:
    assert check_law(catalogue.load(SWAP_OUT), 0, 500, checkers=()) > 300


# What is left alone --------------------------------------------------------------------------


ONE_WAY = str(SCENARIOS / "kmap" / "forgotten-kunmap.toml")
"""Nothing is chosen in it: all is known after one execution."""


def lost_update(machine: Machine) -> None:
    cell = machine.cell("c")

    async def increment() -> None:
        value = await cell.load()
        await cell.store(value + 1)

    machine.task("one", increment)
    machine.task("two", increment)


def in_a_group(machine: Machine) -> None:
    cell = machine.cell("c")

    async def add() -> None:
        await cell.add(1)

    async def main() -> None:
        async with Group() as group:
            await group.spawn(add)
            await group.spawn(add)

    machine.task("main", main)
    machine.task("other", main)


def test_a_python_scenario_is_executed_each_time_unless_its_code_is_plain() -> None:
    def counted(machine: Machine) -> None:
        lost_update(machine)
        seen: list[int] = []

        async def count() -> None:
            seen.append(1)

        machine.task("count", count)

    assert campaign(from_function(counted), RandomWalk(0), 50)[1] == 50
    assert campaign(from_function(lost_update), RandomWalk(0), 50)[1] < 10
    assert campaign(reusable(lost_update), RandomWalk(0), 50)[1] < 10


def test_tasks_that_spawn_are_executed_each_time() -> None:
    assert check_law(reusable(in_a_group), 0, 50) == 0


@pytest.mark.parametrize("engine", ["asyncio", "trio"])
@pytest.mark.parametrize("name", [SWAP_OUT, ONE_WAY])
def test_on_an_event_loop_every_execution_is_made(engine: str, name: str) -> None:
    program = catalogue.load(name)
    hosted, made = campaign(program, RandomWalk(0), 60, engine=engine)
    assert made == 60
    assert hosted == campaign(program, RandomWalk(0), 60)[0]


@pytest.mark.parametrize("name", [SWAP_OUT, ONE_WAY])
def test_every_audited_execution_is_made(name: str) -> None:
    program = catalogue.load(name)
    assert campaign(program, RandomWalk(0), 60, audit=Audit())[1] == 60
    assert campaign(program, RandomWalk(0), 60)[1] < 60


# Whether it pays -------------------------------------------------------------------------------


def large(machine: Machine) -> None:
    cell = machine.cell("c")

    async def work() -> None:
        for _ in range(12):
            await cell.add(1)

    for number in range(5):
        machine.task(f"t{number}", work)


def test_a_scenario_that_is_too_large_to_be_known_is_forgotten_after_the_trial(kept: list[known.Known]) -> None:
    ours, made = campaign(reusable(large), RandomWalk(0), 150)
    assert made == 150
    assert ours == campaign(reusable(large), Executed(0), 150)[0]
    assert kept[0]._nodes == {}
    assert known.TRIAL * 0.9 < kept[0]._choices < known.TRIAL * 1.1


@pytest.mark.parametrize("limit", [60, 100_000])
def test_what_is_rarely_walked_is_forgotten_whether_or_not_it_was_all_learned(
    limit: int, kept: list[known.Known], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "PERIOD", 500)
    monkeypatch.setattr(known, "LIMIT", limit)
    assert check_law(reusable(large), 0, 60) == 0
    assert kept[0]._walk is None
    check_law(catalogue.load(SWAP_OUT), 0, 500)
    assert kept[2]._walk is not None or limit == 60


# Budgets -----------------------------------------------------------------------------------------


def test_a_limit_in_seconds_ends_a_campaign_that_executes_nothing_any_more() -> None:
    began = time.monotonic()
    verdict, made = campaign(catalogue.load(SWAP_OUT), RandomWalk(0), 1 << 40, seconds=2)
    assert 2 <= time.monotonic() - began < 20
    assert made < 1_000 < verdict.executions


def test_progress_is_shown_while_nothing_is_executed() -> None:
    shown: list[int] = []

    def show(progress: Progress) -> None:
        shown.append(progress.executions)
        if len(shown) == 4:
            raise KeyboardInterrupt

    verdict, _ = campaign(catalogue.load(SWAP_OUT), RandomWalk(0), 1 << 40, show=show)
    assert verdict.interrupted
    assert shown == sorted(set(shown))
    assert verdict.executions == shown[-1]
