from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import dmabuf_async
from dmabuf_async.errors import ReplayDiverged, ScenarioError
from dmabuf_async.report.exploration import WAYS, FoundError, explore, replayed
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.python import from_function, scenario


def lost(machine: Any) -> None:
    count, done = machine.counter("count"), machine.counter("done")

    async def increment() -> None:
        value = await count.load()
        await count.store(value + 1)
        if await done.add(1) == 2:
            assert await count.load() == 2, "an update was lost"

    machine.task("a", increment)
    machine.task("b", increment)


def right(machine: Any) -> None:
    count = machine.counter("count")

    async def increment() -> None:
        await count.add(1)

    machine.task("a", increment)
    machine.task("b", increment)


@pytest.mark.parametrize("way", WAYS)
def test_every_strategy_finds_what_is_wrong_and_raises_a_report_with_a_schedule_that_shows_it(way: str) -> None:
    with pytest.raises(FoundError) as raised:
        explore(lost, way).raise_on_finding()
    told = str(raised.value)
    assert told.startswith("assertion found; refuted, ")
    assert "an assertion of " in told
    assert "an update was lost" in told
    assert "  why      it hangs on this order: " in told
    assert "this is the least: 1 preemption, " in told
    schedule = told.partition("  replay   replay(lost, '")[2].partition("')")[0]
    assert replayed(from_function(lost), schedule).verdict.exit_code == 1


@pytest.mark.parametrize("way", WAYS)
def test_what_is_right_raises_nothing_and_the_verdict_says_how_strong_it_is(way: str) -> None:
    exploration = explore(right, way).raise_on_finding()
    exhaustive = exploration.verdict.strength == "exhaustive"
    assert exhaustive == (way in ("auto", "dpor", "graph", "both"))
    assert exploration.summary.startswith("nothing found; ")


def test_with_a_bound_all_schedules_within_it_are_explored() -> None:
    assert explore(lost, preemptions=0).raise_on_finding().verdict.strength == "exhaustive up to 0 preemptions"
    assert explore(lost, preemptions=1).verdict.exit_code == 1
    assert explore(right, faults=0).verdict.strength == "exhaustive"


def test_the_same_seed_makes_the_same_executions() -> None:
    one, other = (explore(lost, "random", executions=20, seed=3).verdict for _ in range(2))
    assert (one.steps, one.failures, one.counts) == (other.steps, other.failures, other.counts)
    assert explore(lost, "random", executions=20, seed=4).verdict.steps != one.steps or one.failures


def test_what_is_expected_is_no_failure_and_what_never_came_is_one() -> None:
    program = catalogue.load("scenarios/pin/pins-ignored.toml")
    assert explore(program).raise_on_finding().summary.startswith("as expected; ")

    @scenario(findings=["deadlock"])
    def never(machine: Any) -> None:
        right(machine)

    with pytest.raises(FoundError, match=r"^deadlock never found; sampled 500"):
        explore(never).raise_on_finding()


def test_what_was_stopped_before_its_end_is_not_called_explored() -> None:
    program = catalogue.load("benchmarks/eight-at-once.toml")
    with pytest.raises(FoundError, match=r"nothing found; unfinished \(stopped after 0.01 s\)"):
        explore(program, "graph", seconds=0.01).raise_on_finding()


def test_findings_of_other_signatures_are_told_in_a_line_each() -> None:
    def two(machine: Any) -> None:
        lock, flag = machine.mutex("lock"), machine.cell("flag")

        async def plain() -> None:
            await flag.store(1)

        async def hasty() -> None:
            await lock.unlock()

        machine.task("a", plain)
        machine.task("b", plain)
        machine.task("c", hasty)

    exploration = explore(two, "dpor")
    told = exploration.text()
    assert told.count("\n  replay   replay(two, 'dba1:") == len(exploration.verdict.failures) == 3
    assert {line.split()[1] for line in told.splitlines() if line.startswith("x ")} == {"data-race", "double-unlock"}


def test_an_order_of_locks_over_several_executions_is_told_by_its_edges() -> None:
    program = catalogue.load("scenarios/locks/three-in-a-circle.toml")
    told = explore(from_function(program.build, "circle"), "graph").text()
    assert "x lock-order   " in told
    assert told.count("  edge     ") == told.count("  replay   replay(circle, 'dba1:") == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"strategy": "pvt"}, "there is no strategy 'pvt': take one of random, pct, "),
        ({"strategy": "calm"}, "there is no strategy 'calm'"),
        ({"strategy": "dpor", "seed": 1}, "the search 'dpor' would ignore seed"),
        ({"strategy": "graph", "executions": 7}, "the search 'graph' would ignore executions"),
        ({"preemptions": 1, "seed": 1}, "preemptions and seed don't go together"),
        ({"faults": 1, "strategy": "pct"}, "faults and the strategy 'pct' don't go together"),
    ],
)
def test_what_would_be_ignored_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        explore(lost, **options)


def test_a_schedule_of_another_program_is_not_replayed() -> None:
    with pytest.raises(ReplayDiverged):
        replayed(from_function(lost), "dba1:mv7k.p091")


def test_it_can_be_had_from_the_package() -> None:
    assert dmabuf_async.FoundError is FoundError
    assert dmabuf_async.explore(right, "dpor").summary == explore(right, "dpor").summary
    assert dmabuf_async.explore.__name__ == "dmabuf_async.explore", "it is the package, too"


@pytest.mark.parametrize("before", ["", "import dmabuf_async.explore.graph\n", "from dmabuf_async import check\n"])
def test_it_can_be_called_whatever_was_imported_before(before: str) -> None:
    code = f"{before}from dmabuf_async import explore\nprint(explore('x', 'pvt'))"
    made = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert "there is no strategy 'pvt'" in made.stderr
