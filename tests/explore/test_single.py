from __future__ import annotations

from collections.abc import Callable

import pytest

from dmabuf_async.engine import ENGINES
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.execution import execute, perform
from dmabuf_async.explore.replaying import replay, strategy_for
from dmabuf_async.explore.single import single
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.base import ChoicePoint
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay

Make = Callable[..., Program]


def breaking(program: Program) -> int:
    """A seed with which something is found."""
    for seed in range(100):
        shown = execute(program, RandomWalk(seed))
        if shown is not None and shown.primary:
            return seed
    raise AssertionError("nothing is found")


@pytest.mark.parametrize("engine", ENGINES)
def test_it_is_the_execution_itself_with_a_verdict(make: Make, engine: str) -> None:
    shown = perform(single(make(), RandomWalk(3)), engine)
    assert shown.execution == execute(make(), RandomWalk(3))
    assert (shown.verdict.executions, shown.verdict.steps) == (1, shown.execution.steps)


def test_an_unexpected_finding_is_one_and_an_expected_nought_and_a_missing_one_nought(make: Make) -> None:
    seed = breaking(make())
    refuted = perform(single(make(), RandomWalk(seed))).verdict
    assert (refuted.exit_code, refuted.strength) == (1, "refuted")
    codes = tuple({failure.finding.code for failure in refuted.failures})
    expected = perform(single(make(findings=codes), RandomWalk(seed))).verdict
    assert (expected.exit_code, expected.strength) == (0, "sampled 1 (random)")
    assert all(failure.expected for failure in expected.failures)
    missing = perform(single(make(findings=("pin-leak",), sometimes=("a reaches b",)), Calm())).verdict
    assert (missing.exit_code, missing.strength) == (0, "sampled 1 (calm)")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_an_interrupt_keeps_what_was_seen_so_far(make: Make, engine: str, steps: int) -> None:
    class Interrupting(RandomWalk):
        asked = 0

        def choose(self, point: ChoicePoint) -> int:
            self.asked += 1
            if self.asked > steps:
                raise KeyboardInterrupt
            return super().choose(point)

    whole = execute(make(rounds=3), RandomWalk(2))
    shown = perform(single(make(rounds=3), Interrupting(2)), engine)
    assert whole is not None
    so_far = shown.execution
    assert (shown.verdict.exit_code, shown.verdict.strength) == (130, "unfinished")
    assert shown.verdict.interrupted
    assert so_far.stopped == "interrupted"
    assert so_far.choices == whole.choices[:steps]
    assert so_far.trace.events == whole.trace.events[: so_far.steps]
    assert so_far.steps > 0
    assert set(so_far.trace.actors) >= {event.actor for event in so_far.trace.events}
    again = replay(make(rounds=3), so_far.schedule, engine)
    assert again.trace.events[: so_far.steps] == so_far.trace.events


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_before_the_machine_is_made_is_passed_on(engine: str) -> None:
    def build(_machine: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform(single(Program("x", "x", build, b""), Calm()), engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_in_the_middle_of_a_replay_does_not_make_it_diverge(make: Make, engine: str) -> None:
    class Interrupting(Replay):
        def choose(self, point: ChoicePoint) -> int:
            raise KeyboardInterrupt

    shown = perform(single(make(), Interrupting([1, 1, 1])), engine)
    assert shown.verdict.exit_code == 130


@pytest.mark.parametrize("engine", ENGINES)
def test_a_choice_out_of_range_is_told_with_its_step(make: Make, engine: str) -> None:
    with pytest.raises(ReplayDiverged, match=r"^lost.py:lost, step \d+: choice 3 of the schedule is option 9"):
        perform(single(make(), Replay([0, 1, 9])), engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_end_before_that_of_the_schedule_is_told(make: Make, engine: str) -> None:
    with pytest.raises(ReplayDiverged, match="without a finding, with 97 answers of the schedule unused"):
        perform(single(make(breaks=False), Replay([0] * 100)), engine)


def test_one_that_is_cut_may_leave_answers(make: Make) -> None:
    assert perform(single(make(), Replay([0] * 100), max_steps=4)).verdict.cut == 1


def test_a_replay_is_replayed(make: Make) -> None:
    seed = breaking(make())
    first = execute(make(), RandomWalk(seed))
    assert first is not None
    for engine in ENGINES:
        assert replay(make(), first.schedule, engine) == first
    codes = tuple({finding.code for finding in first.primary})
    program = make(findings=codes)
    assert perform(single(program, strategy_for(program, first.schedule))).verdict.strength == "replayed"


def test_a_schedule_of_another_scenario_is_refused_before_it_runs(make: Make) -> None:
    first = execute(make(), Calm())
    assert first is not None
    with pytest.raises(ReplayDiverged, match="recorded for another scenario"):
        replay(make(digest=b"another"), first.schedule)
