"""What a campaign says of what it has not seen is held against what there is: by brute force, and by DPOR."""

from __future__ import annotations

from collections import Counter
from math import isqrt
from pathlib import Path
from typing import Any

import pytest

from benchmarks.textbook import COUNTS
from dmabuf_async import check
from dmabuf_async.engine import inline
from dmabuf_async.explore import coverage as module
from dmabuf_async.explore.classes import ClassWatch
from dmabuf_async.explore.coverage import Coverage
from dmabuf_async.explore.execution import Jobs, perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.verdict import Sample, Verdict
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from tests.brute import program_of
from tests.harness import Every

pytestmark = pytest.mark.unaudited  # they are many

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PROGRAMS = [
    "D: one writer, 4 readers", "lastzero(3)", "read-then-write(3)", "4 counters under one lock", "5 writers",
]  # fmt: skip
SEEDS = 100


def chances(program: Program) -> dict[int, float]:
    """Every class with the probability that a random walk shows it."""
    machines, every = program.machines(), Every()
    found: Counter[int] = Counter()
    total: dict[int, float] = {}
    for index in range(200_000):
        machine = machines()
        watch = ClassWatch(machine, wanted=lambda: True, states=set(), room=0)
        core = inline.execute(machine, every, watch=watch, index=index)
        if core is None:
            break
        chance = 1.0
        for _, count in every._answers:
            chance /= count
        found[watch.happens_before] += 1
        total[watch.happens_before] = total.get(watch.happens_before, 0.0) + chance
    assert sum(total.values()) == pytest.approx(1)
    return total


def sampled(program: Program, n: int, seed: int) -> tuple[Sample, set[int]]:
    """What n random executions come to, and the classes that they showed."""
    machines, walk = program.machines(), RandomWalk(seed)
    coverage = Coverage(walk)
    for index in range(n):
        machine = machines()
        watch = coverage.watch(machine)
        inline.execute(machine, walk, watch=watch, index=index)
        coverage.note(watch)
    sample = coverage.sample(found=False)
    assert sample is not None
    return sample, set(coverage._tally._kept)


@pytest.fixture
def all_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST", 1 << 20)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.usefixtures("all_are_looked_at")
def test_estimates_agree_with_what_there_is(name: str) -> None:
    build, classes = COUNTS[name]
    program = program_of(build)
    true = chances(program)
    assert len(true) == classes
    assert check(build, "dpor").extent == f"{classes:,} classes"
    covered = below = 0
    for seed in range(SEEDS):
        sample, seen = sampled(program, max(30, classes // 3), seed)
        assert sample.classes == len(seen) <= classes
        assert sample.new_bound is not None
        assert sample.exist is not None
        assert sample.exist_error is not None
        missing = 1 - sum(true[one] for one in seen)
        covered += missing <= sample.new_bound + 1e-12
        below += sample.exist <= classes + 2 * sample.exist_error
    assert covered >= 0.95 * SEEDS
    assert below >= 0.95 * SEEDS


@pytest.mark.parametrize("name", PROGRAMS[:3])
@pytest.mark.usefixtures("all_are_looked_at")
def test_when_everything_was_seen_the_number_is_that_of_dpor(name: str) -> None:
    build, classes = COUNTS[name]
    sample, _ = sampled(program_of(build), 4_000, 1)
    assert sample.classes == round(sample.exist or 0) == classes
    assert sample.every_class


def test_the_bound_on_failures_is_the_rule_of_three_for_all_that_the_sampler_drew() -> None:
    verdict = perform(fuzz(program_of(COUNTS["4 writers"][0]), RandomWalk(0), executions=2_000))
    assert verdict.sample is not None
    assert verdict.sample.drawn == 2_000
    assert verdict.sample.failure_bound == pytest.approx(1 - 0.05 ** (1 / 2_000))
    assert verdict.sample.looked == 200


def test_who_found_something_gets_no_bound_on_finding_it(make: Any) -> None:
    verdict = perform(fuzz(make(), RandomWalk(1), executions=40))
    assert verdict.exit_code == 1
    assert verdict.sample is not None
    assert verdict.sample.failure_bound is None
    assert verdict.sample.new is not None


def test_a_strategy_that_is_no_sampler_gets_no_estimates() -> None:
    verdict = perform(fuzz(program_of(COUNTS["4 writers"][0]), Calm(), executions=50))
    assert verdict.sample is not None
    assert (verdict.sample.sampler, verdict.sample.looked, verdict.sample.classes) == ("calm", 50, 1)
    assert verdict.sample.new is verdict.sample.new_bound is verdict.sample.exist is None
    assert verdict.sample.failure_bound is None


class Mixed(RandomWalk):
    """A portfolio of two: every third execution is a random one."""

    name = "mixed"
    playing = ""

    def start(self, run: Any) -> bool:
        self.playing = "calm" if run.index % 3 else "random"
        return True

    def choose(self, point: Any) -> int:
        return 0 if self.playing == "calm" else super().choose(point)


def test_of_a_portfolio_only_the_random_executions_are_looked_at() -> None:
    verdict = perform(fuzz(program_of(COUNTS["4 writers"][0]), Mixed(1), executions=301))
    assert verdict.sample is not None
    assert (verdict.sample.sampler, verdict.sample.drawn, verdict.sample.looked) == ("random", 101, 62)
    assert verdict.sample.new is not None


def test_which_executions_are_looked_at_is_decided_by_their_numbers() -> None:
    coverage, looked = Coverage(RandomWalk(0)), []
    for coverage.drawn in range(20_000):
        if not coverage.ahead:
            looked.append(coverage.drawn)
    assert looked[:60] == [*range(50), 52, 56, 60, 63, 68, 72, 76, 80, 85, 90]
    assert len(looked) == 50 + isqrt(16 * 20_000) - isqrt(16 * 50)
    following = iter(looked)
    due = next(following)
    for coverage.drawn in range(19_000):
        assert coverage.drawn + coverage.ahead == due
        if coverage.drawn == due:
            due = next(following)


def test_an_execution_that_was_walked_is_made_again_to_see_its_class() -> None:
    program = catalogue.load(str(SCENARIOS / "pin" / "put-twice.toml"))
    jobs = fuzz(program, RandomWalk(5), executions=3_000)
    seen: list[list[int]] = []

    def noted() -> Jobs[Verdict]:
        core = None
        while True:
            try:
                job = jobs.send(core)
            except StopIteration as stop:
                verdict: Verdict = stop.value
                return verdict
            core = yield job
            assert core is not None
            seen.append([job.index, *core.choices])

    verdict = perform(noted())
    assert verdict.sample is not None
    alone = RandomWalk(5)
    all_choices = []
    machines = program.machines()
    for index in range(3_000):
        core = inline.execute(machines(), alone, index=index)
        assert core is not None
        all_choices.append([index, *core.choices])
    again = dict.fromkeys(map(tuple, seen))
    assert set(again) <= set(map(tuple, all_choices))
    assert verdict.sample.looked == 50 + isqrt(16 * 3_000) - isqrt(16 * 50)
    assert len(seen) < 400, "most are not made at all"


def test_without_checkers_nothing_is_looked_at() -> None:
    """Nobody judges, so silence is worth nothing."""
    program = catalogue.load("scenarios/pin/pins-ignored.toml")
    assert perform(fuzz(program, RandomWalk(0), executions=200)).sample is not None
    assert perform(fuzz(program, RandomWalk(0), executions=200, checkers=())).sample is None
