"""A campaign claims no more than it has seen, and its exit code is the one of DESIGN 10."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from itertools import count, product
from types import SimpleNamespace

import pytest

from dmabuf_async.engine import ENGINES
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz, judge, quiet_collector
from dmabuf_async.explore.progress import Progress
from dmabuf_async.explore.replaying import replay
from dmabuf_async.explore.verdict import Failure
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.base import ChoicePoint, RunInfo
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.catalogue import portfolio
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.trace.events import Finding, Signature

Make = Callable[..., Program]


class Limited(Calm):
    """Has so many executions in it."""

    def __init__(self, executions: int) -> None:
        self.left = executions

    def start(self, run: RunInfo) -> bool:
        self.left -= 1
        return self.left >= 0


class Interrupted(Calm):
    """Ctrl-C comes in the middle of an execution."""

    def __init__(self, executions: int) -> None:
        self.left = executions

    def start(self, run: RunInfo) -> bool:
        self.left -= 1
        return True

    def choose(self, point: ChoicePoint) -> int:
        if self.left < 0:
            raise KeyboardInterrupt
        return super().choose(point)


def failure(code: str, *, expected: bool) -> Failure:
    return Failure(Finding(code, "", "said", 1, "a", signature=Signature(code, "", "a", "", "")), "dba1:", 1, expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_found_first_can_be_replayed_everywhere(make: Make, engine: str) -> None:
    program = make()
    verdict = perform(fuzz(program, RandomWalk(1), executions=40), engine)
    assert (verdict.exit_code, verdict.strength, verdict.executions) == (1, "refuted", 40)
    (found,) = verdict.failures
    assert 1 <= verdict.counts[found.finding.signature] < 40
    for other in ENGINES:
        again = replay(program, found.schedule, other)
        assert found.finding.signature in {finding.signature for finding in again.primary}


def test_the_same_seed_gives_the_same_verdict_and_another_one_another(make: Make) -> None:
    def schedules(seed: int) -> tuple[str, ...]:
        verdict = perform(fuzz(make(rounds=3), RandomWalk(seed), executions=10))
        return tuple(failure.schedule for failure in verdict.failures)

    assert schedules(1) == schedules(1)
    assert len({schedules(seed) for seed in range(5)}) > 1


def test_executions_and_steps_and_cuts_are_counted(make: Make) -> None:
    verdict = perform(fuzz(make(), Calm(), executions=7, max_steps=4))
    assert (verdict.executions, verdict.steps, verdict.cut) == (7, 28, 7)
    assert verdict.strength == "sampled 7 (calm)"


def test_a_strategy_that_has_nothing_left_ends_it(make: Make) -> None:
    verdict = perform(fuzz(make(), Limited(3), executions=100))
    assert (verdict.executions, verdict.exit_code) == (3, 0)


def test_time_ends_it_too(make: Make) -> None:
    began = time.monotonic()
    verdict = perform(fuzz(make(), Calm(), executions=1 << 40, seconds=0.3))
    assert 0.3 <= time.monotonic() - began < 3
    assert verdict.executions > 0
    assert verdict.seconds >= 0.3


def test_without_time_one_execution_is_made_all_the_same(make: Make) -> None:
    assert perform(fuzz(make(), Calm(), executions=100, seconds=0)).executions == 1


def test_progress_is_shown_now_and_then_and_at_the_end(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    seconds = count(0, 0.01)  # each look at the clock takes a hundredth of a second
    monkeypatch.setattr("dmabuf_async.explore.fuzzing.time", SimpleNamespace(monotonic=lambda: next(seconds)))
    verdict = perform(
        fuzz(make(), Calm(), executions=1 << 40, seconds=0.5, show=lambda now: shown.append(now.executions))
    )
    assert len(shown) == 5, "each tenth of a second in half a second, and at the end"
    assert shown == sorted(shown)
    assert shown[-1] == verdict.executions


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("executions", [0, 1, 7])
def test_an_interrupt_in_the_middle_gives_the_verdict_so_far(make: Make, engine: str, executions: int) -> None:
    program = make(findings=("pin-leak",), sometimes=("main/0 reaches nowhere",))
    verdict = perform(fuzz(program, Interrupted(executions), executions=100), engine)
    assert verdict.interrupted
    assert (verdict.executions, verdict.strength, verdict.exit_code) == (executions, "unfinished", 130)
    assert verdict.missing == verdict.unseen == ()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_of_the_strategy_is_not_swallowed(make: Make, engine: str) -> None:
    class Broken(Calm):
        def choose(self, point: ChoicePoint) -> int:
            return 99

    with pytest.raises(IndexError, match="Broken chose 99"):
        perform(fuzz(make(), Broken(), executions=3), engine)
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("unexpected", "expected", "missing_asked", "unseen", "interrupted"), list(product([False, True], repeat=5))
)
def test_the_exit_code_is_the_one_of_the_design(
    make: Make, unexpected: bool, expected: bool, missing_asked: bool, unseen: bool, interrupted: bool
) -> None:
    program = make(
        findings=("pin-leak",) if expected or missing_asked else (),
        sometimes=("main/0 reaches 1",) if unseen else ("main/0 reaches 2",),
    )
    progress = Progress(executions=5, steps=50, reached={("main/0", "step 2 load")})
    for is_there, code in ((unexpected, "kmap-leak"), (expected, "pin-leak")):
        if is_there:
            one = failure(code, expected=code == "pin-leak")
            progress.failures[one.finding.signature] = one
    verdict = judge(program, RandomWalk(), progress, 1.0, interrupted=interrupted)
    wanted = (
        130 if interrupted
        else 1 if unexpected or (missing_asked and not expected)
        else 5 if unseen
        else 0
    )  # fmt: skip
    assert verdict.exit_code == wanted
    assert verdict.as_expected is (wanted == 0)
    assert (verdict.strength == "refuted") is (unexpected and not interrupted)
    assert (verdict.strength == "unfinished") is interrupted
    assert bool(verdict.missing) is (missing_asked and not expected and not interrupted)
    assert bool(verdict.unseen) is (unseen and not interrupted)


def test_vacuous_is_only_what_was_never_witnessed_in_the_whole_budget(make: Make) -> None:
    rare = make(breaks=False, sometimes=("main/1 reaches load",))
    never = make(breaks=False, sometimes=("main/1 reaches load", "main/1 reaches 3"))
    assert perform(fuzz(rare, RandomWalk(), executions=20)).exit_code == 0
    verdict = perform(fuzz(never, RandomWalk(), executions=20))
    assert (verdict.exit_code, verdict.unseen) == (5, ("main/1 reaches 3",))


def test_an_expected_finding_is_fine_and_another_one_is_not(make: Make) -> None:
    def code(*findings: str) -> int:
        return perform(fuzz(make(findings=findings), RandomWalk(), executions=60)).exit_code

    assert code() == 1
    assert code("pin-leak") == 1
    groups = perform(fuzz(make(), RandomWalk(), executions=60)).failures
    assert code(*{failure.finding.code for failure in groups}) == 0


@pytest.mark.unaudited
@pytest.mark.collected
def test_memory_does_not_depend_on_the_number_of_executions(make: Make) -> None:
    def peak(executions: int) -> int:
        tracemalloc.start()
        perform(fuzz(make(), RandomWalk(), executions=executions))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(1500) < 1.5 * peak(700)  # garbage is collected every 500


@pytest.mark.collected
@pytest.mark.parametrize("was", [True, False])
def test_the_collector_is_left_as_it_was(was: bool) -> None:
    (gc.enable if was else gc.disable)()
    try:
        with quiet_collector() as collect:
            assert not gc.isenabled()
            collect()
        assert gc.isenabled() is was
    finally:
        gc.enable()


def test_of_a_portfolio_it_is_known_which_member_found_what(make: Make) -> None:
    verdict = perform(fuzz(make(rounds=2), portfolio(1), executions=100))
    (found,) = verdict.failures
    finders = verdict.finders[found.finding.signature]
    assert sum(finders.values()) == verdict.counts[found.finding.signature]
    assert finders.keys() <= {"random", "pct", "pos", "surw", "urw"}
    assert found.by == next(iter(finders)), "who found it first"
    assert len(finders) > 1
    alone = perform(fuzz(make(rounds=2), RandomWalk(1), executions=100))
    assert (alone.finders, alone.failures[0].by) == ({}, "")
