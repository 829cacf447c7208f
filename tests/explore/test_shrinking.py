"""Shrinking: what it comes to, what it claims, and where it stops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.cost import Cost
from dmabuf_async.explore.execution import Execution, execute, perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.shrinking import ALL, FAULTS, NOTHING, PREEMPTIONS, Shrunk, shrink, shrunken
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.events import Finding, Signature
from dmabuf_async.trace.schedule import decode, encode
from tests.brute import program_of
from tests.costs import SEEDS, small_programs

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

SCENARIOS: Final = Path(__file__).parents[2] / "scenarios"


def walks(made: Program, count: int) -> Iterator[Execution]:
    """Executions of one random walk."""
    walk = RandomWalk(0)
    for _ in range(count):
        one = execute(made, walk, footprints=False)
        assert one is not None
        yield one


def shown_by_chance(made: Program, signature: Signature, count: int) -> tuple[int, ...] | None:
    """The choices of a random execution that shows it."""
    for one in walks(made, count):
        if any(finding.signature == signature for finding in one.primary):
            return one.choices
    return None


def test_from_whatever_shows_it_shrinking_comes_to_the_minimum_over_all_executions() -> None:
    compared = missed = 0
    for made, reference in small_programs():
        for signature, cost in reference.items():
            choices = shown_by_chance(made, signature, 20)
            if choices is None:
                continue
            shrunk = shrink(made, choices, signature)
            assert (shrunk.cost, shrunk.proved, shrunk.bound) == (cost, True, ""), (made.name, signature)
            compared += 1
            edited = shrink(made, choices, signature, max_places=0)
            assert edited.cost >= cost
            missed += edited.cost[:2] != cost[:2]
    assert compared >= len(SEEDS) // 4
    assert missed <= compared // 20  # edits alone seldom leave a preemption too many


CASES: Final = (
    ("mmap/zap-after-move.toml", "stale-pte"),
    ("mmap/killed.toml", "leak-at-exit"),  # with a fault, and at the end of the run
    ("locks/abba.toml", "deadlock"),
)


@cache
def case(name: str, code: str) -> tuple[Program, Signature, tuple[int, ...]]:
    """A scenario of the catalogue, and a random execution that breaks it."""
    made = catalogue.load(str(SCENARIOS / name))
    for one in walks(made, 500):
        for finding in one.primary:
            if finding.code == code:
                return made, finding.signature, one.choices
    raise AssertionError(f"{name} does not show {code}")


@pytest.mark.parametrize(("name", "code"), CASES)
def test_the_schedule_shows_the_finding_at_what_it_is_said_to_cost(name: str, code: str) -> None:
    made, signature, choices = case(name, code)
    shrunk = shrink(made, choices, signature)
    again = execute(made, Replay(decode(shrunk.schedule).choices))
    assert again is not None
    finding = next(one for one in again.primary if one.signature == signature)
    assert finding == shrunk.finding
    events = again.trace.events[: shrunk.cost.steps]
    assert len(events) == shrunk.cost.steps
    assert finding.step == len(events) or (code == "leak-at-exit" and again.steps == len(events))
    assert sum(event.preempts is not None for event in events) == shrunk.cost.preemptions
    assert sum(event.fault for event in events) == shrunk.cost.faults  # no clock here, which they call one
    assert len(shrunk.labels) == len(events)
    assert shrunk.proved


def test_shrinking_again_changes_nothing() -> None:
    made, signature, choices = case(*CASES[0])
    first = shrink(made, choices, signature)
    again = shrink(made, first.choices, signature)
    assert (again.schedule, again.cost) == (first.schedule, first.cost)
    assert shrink(made, choices, signature) == first


def test_an_interrupt_gives_the_best_so_far() -> None:
    made, signature, choices = case(*CASES[0])
    whole = shrink(made, choices, signature)
    costs = []
    for allowed in (0, 3, 10):
        told: list[str] = []

        def show(words: str, told: list[str] = told, allowed: int = allowed) -> None:
            told.append(words)
            if len(told) > allowed:
                raise KeyboardInterrupt

        shrunk = shrink(made, choices, signature, show=show)
        assert (shrunk.bound, shrunk.proved) == ("interrupted", False)
        costs.append(shrunk.cost)
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1] >= whole.cost


def test_out_of_time_it_claims_no_more_than_it_knows() -> None:
    made, signature, choices = case(*CASES[0])
    shrunk = shrink(made, choices, signature, seconds=0)
    assert (shrunk.bound, shrunk.exact) == ("stopped after 0 s", FAULTS)
    assert shrunk.cost.faults == 0
    assert shrunk.cost.preemptions > 1
    assert str(shrunk) == str(shrunk.cost)


def test_a_schedule_that_shows_something_else_is_refused() -> None:
    made, signature, _ = case(*CASES[0])
    with pytest.raises(ReplayDiverged, match="does not show stale-pte"):
        shrink(made, (), signature)


def test_a_program_that_is_not_deterministic_is_refused() -> None:
    turns = count()

    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def task() -> None:
            await cell.load_acquire()
            if next(turns) % 2:
                await cell.load_acquire()
            raise AssertionError("wrong")

        machine.task("a", task)

    made = program_of(build)
    signature = Signature("assertion", "", "a", "", "program")
    with pytest.raises(ReplayDiverged, match="not each time"):
        shrink(made, (), signature)


FOUND: Final = Finding("stale-pte", "P1", "something broke", 1, "display")


def proof(exact: int, cost: Cost) -> str:
    return Shrunk(FOUND, "dba1:0000.0000", (), (), cost, exact, "", 0, 0).proof


def test_what_is_proved_is_said_and_no_more() -> None:
    assert proof(ALL, Cost(1, 1, 1, 1)) == "proved minimal"
    assert proof(PREEMPTIONS, Cost(1, 1, 1, 1)) == "proved minimal in faults and preemptions"
    assert proof(PREEMPTIONS, Cost(0, 1, 1, 1)) == "proved minimal in preemptions"
    assert proof(FAULTS, Cost(1, 1, 1, 1)) == "proved minimal in faults"
    assert proof(FAULTS, Cost(0, 1, 1, 1)) == ""  # it says nothing that the cost does not
    assert proof(NOTHING, Cost(1, 1, 1, 1)) == ""


def test_a_proof_without_room_is_stopped_at_what_it_knows() -> None:
    made, signature, choices = case("mmap/child-before-parent.toml", "stale-pte")
    shrunk = shrink(made, choices, signature, max_places=5_000)
    assert shrunk.cost.preemptions == 2
    assert (shrunk.exact, shrunk.bound) == (PREEMPTIONS, "stopped at 5,001 places, the limit")
    shrunk = shrink(made, choices, signature, max_places=100)
    assert shrunk.exact == FAULTS
    made, signature, choices = case("mmap/killed.toml", "leak-at-exit")
    assert shrunk.claim.endswith("steps (stopped at 101 places, the limit)")
    shrunk = shrink(made, choices, signature, max_places=100)
    assert (shrunk.cost.faults, shrunk.exact) == (1, NOTHING)


def several(name: str) -> tuple[Program, Verdict]:
    """A scenario that shows more than one finding, none of them expected, and a campaign that shows them."""
    made = replace(catalogue.load(str(SCENARIOS / name)), findings=())
    verdict = perform(fuzz(made, RandomWalk(0), executions=300))
    assert len(verdict.failures) > 1
    return made, verdict


def test_all_unexpected_failures_of_a_verdict_are_shrunk() -> None:
    made, verdict = several("mmap/no-reference.toml")
    less = shrunken(made, verdict, verdict.failures[1], seconds=60)
    for before, after in zip(verdict.failures, less.failures, strict=True):
        assert after.shrunk is not None
        assert after.finding.signature == before.finding.signature
        assert (after.schedule, after.finding) == (after.shrunk.schedule, after.shrunk.finding)
        assert (after.execution, after.least) == (before.execution, f"{after.shrunk.cost}, proved minimal")


def test_the_failure_that_is_shown_has_the_first_of_the_time_and_expected_ones_have_none() -> None:
    made, verdict = several("mmap/no-reference.toml")
    told: list[str] = []

    def show(words: str) -> None:
        told.append(words)
        raise KeyboardInterrupt

    for first in verdict.failures:
        less = shrunken(made, verdict, first, seconds=60, show=show)
        assert [one.shrunk is not None for one in less.failures] == [one is first for one in verdict.failures]
        assert len(told) == 1
        told.clear()
    expected = replace(verdict, failures=tuple(replace(one, expected=True) for one in verdict.failures))
    assert shrunken(made, expected, None, seconds=60) == expected
    assert all(one.shrunk is None for one in shrunken(made, verdict, None, seconds=0).failures)


def test_what_no_schedule_alone_shows_and_what_is_not_shown_again_stays_as_it_is() -> None:
    made, verdict = several("mmap/no-reference.toml")
    first, second, *_ = verdict.failures
    odd = replace(verdict, failures=(replace(first, until=3), replace(second, schedule=encode(made.digest, ()))))
    assert shrunken(made, odd, None, seconds=60) == odd
