from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

import dmabuf_async
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.checking import checking, judge
from dmabuf_async.explore.search import Search
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import settle
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from tests.backtracking import Backtracking

pytestmark = pytest.mark.unaudited


def program(**more: Any) -> Program:
    """Two increments of a cell, each a load and a store: six orders, five of them with a race told first."""

    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def increment() -> None:
            await cell.store(await cell.load() + 1)

        machine.task("one", increment)
        machine.task("two", increment)

    return replace(from_function(build), **more)


def checked(program: Program, *, max_steps: int = 10_000, **options: Any) -> Verdict:
    return checking(program, Backtracking(program, max_steps=max_steps, slice_of=1), **options)


def test_bounds_choose_the_search_that_keeps_to_them() -> None:
    assert (
        dmabuf_async.check(program(findings=("data-race",)), preemptions=0).strength == "exhaustive up to 0 preemptions"
    )
    assert dmabuf_async.check(program(findings=("data-race",)), faults=0).strength == "exhaustive"
    with pytest.raises(ValueError, match="the search dpor keeps to no bounds"):
        dmabuf_async.check(program(), "dpor", preemptions=1)


def test_it_goes_on_past_findings_until_nothing_is_left() -> None:
    for expected, (strength, code) in {(): ("refuted", 1), ("data-race",): ("exhaustive", 0)}.items():
        verdict = checked(program(findings=expected))
        assert (verdict.strength, verdict.exit_code, verdict.executions) == (strength, code, 6)
        assert verdict.proved
        assert (verdict.extent, verdict.bound, verdict.left) == ("6 orders", "", "")
        assert {failure.expected for failure in verdict.failures} == {bool(expected)}


def test_the_first_finding_ends_it_when_that_is_asked_for_and_proves_nothing_else() -> None:
    refuted = checked(program(), first=True)
    assert (refuted.exit_code, refuted.strength) == (1, "refuted")
    expected = checked(program(findings=("data-race",)), first=True)
    assert (expected.exit_code, expected.strength) == (6, "unfinished")
    for verdict in (refuted, expected):
        assert verdict.executions == 1
        assert not verdict.proved
        assert verdict.bound == "stopped at the first finding"
        assert verdict.left


def test_a_time_limit_before_the_end_claims_nothing_but_says_what_it_saw() -> None:
    verdict = checked(program(findings=("pin-leak", "data-race"), sometimes=("one reaches never",)), seconds=1e-9)
    assert (verdict.strength, verdict.exit_code) == ("unfinished", 6)
    assert verdict.bound == "stopped after 1e-09 s"
    assert verdict.unseen == ()
    assert verdict.left.startswith("at least ")
    assert checked(program(findings=("pin-leak",), sometimes=()), seconds=1e-9).missing == ()


def test_none_of_the_expected_findings_after_a_complete_search_is_proved_and_fails() -> None:
    verdict = checked(program(findings=("pin-leak",)))
    assert (verdict.exit_code, verdict.strength) == (1, "refuted")  # by the race, which it does not expect
    verdict = checked(replace(from_function(_alone), findings=("pin-leak",)))
    assert (verdict.exit_code, verdict.strength, verdict.missing) == (1, "exhaustive", ("pin-leak",))


def _alone(machine: Machine) -> None:
    cell = machine.cell("c")

    async def body() -> None:
        await cell.store(1)

    machine.task("one", body)


def test_a_witness_never_seen_fails_only_what_was_proved() -> None:
    verdict = checked(replace(from_function(_alone), sometimes=("one reaches load",)))
    assert (verdict.exit_code, verdict.strength) == (5, "exhaustive")
    assert verdict.unseen == ("one reaches load",)
    assert verdict.witnesses == {"one reaches load": 0}


@pytest.mark.parametrize("bounds", [{"search": "graph"}, {"preemptions": 0}])
def test_a_witness_that_was_seen_in_a_state_counts_as_a_number_too(bounds: dict[str, Any]) -> None:
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def body() -> None:
            await counter.add(1)
            await settle(0, "there")
            await counter.add(1)

        machine.task("one", body)

    verdict = dmabuf_async.check(replace(from_function(furnish), sometimes=("one reaches there",)), **bounds)
    (count,) = verdict.witnesses.values()
    assert (count, count.__class__) == (1, int)


def test_what_was_cut_is_never_exhaustive() -> None:
    verdict = checked(program(findings=("data-race",)), max_steps=3)
    assert verdict.cut
    assert (verdict.exit_code, verdict.strength, verdict.proved) == (6, "unfinished", False)
    assert verdict.bound == "cut short 6 times, at the limit of steps or of room"


def test_a_search_that_ends_short_of_a_proof_is_unfinished_for_its_reason() -> None:
    class Full(Backtracking):
        strength = "1,000 states are all that there is room for"

    one = replace(from_function(_alone), findings=("pin-leak",))
    verdict = checking(one, Full(one))
    assert (verdict.exit_code, verdict.strength) == (6, "unfinished")
    assert verdict.bound == Full.strength
    assert verdict.missing == ()


def test_a_bounded_search_is_named_as_such() -> None:
    class Bounded(Backtracking):
        strength = "exhaustive up to 2 preemptions"

    one = from_function(_alone)
    assert checking(one, Bounded(one)).strength == "exhaustive up to 2 preemptions"
    wrong = program()
    assert checking(wrong, Bounded(wrong)).strength == "refuted"


def test_an_interrupt_ends_it_with_what_was_seen() -> None:
    def interrupt(search: Search) -> None:
        if search.progress.executions == 3:
            raise KeyboardInterrupt

    verdict = checked(program(), show=interrupt)
    assert (verdict.executions, verdict.strength, verdict.exit_code) == (3, "unfinished", 130)
    assert verdict.interrupted
    assert verdict.failures
    assert verdict.left


def test_an_error_of_the_search_itself_comes_out() -> None:
    class Broken(Backtracking):
        def advance(self) -> bool:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        checking(program(), Broken(program()))


def test_an_order_of_locks_over_several_executions_is_found() -> None:
    def build(machine: Machine) -> None:
        gate, locks = machine.counter("gate"), (machine.mutex("a"), machine.mutex("b"))

        async def nest(first: Mutex, second: Mutex) -> None:
            if await gate.exchange(1) == 0:
                await first.lock()
                await second.lock()
                await second.unlock()
                await first.unlock()

        machine.task("one", nest, *locks)
        machine.task("two", nest, *reversed(locks))

    circle = from_function(build)
    verdict = checked(circle)
    assert (verdict.exit_code, verdict.strength) == (1, "refuted")
    [failure] = verdict.failures
    assert failure.finding.code == "lock-order"
    assert len(failure.edges) == 2
    assert checked(replace(circle, findings=("lock-order",))).strength == "exhaustive"


def test_codes_that_a_search_does_not_look_for_are_in_its_verdict() -> None:
    class Half(Backtracking):
        uncovered = ("data-race",)

    one = from_function(_alone)
    assert judge(one, Half(one), 0.0).uncovered == ("data-race",)


def test_one_call_checks_a_function_that_furnishes_a_machine() -> None:
    verdict = dmabuf_async.check(_alone)
    assert (verdict.strength, verdict.exit_code, verdict.proved) == ("exhaustive", 0, True)
    one = program()
    assert {failure.finding.code for failure in dmabuf_async.check(one).failures} == {"data-race"}
    with pytest.raises(ValueError, match="there is no search 'bfs'"):
        dmabuf_async.check(_alone, "bfs")


@pytest.mark.parametrize("search", ["dpor", "graph", "both", "auto"])
def test_nothing_is_proved_of_a_program_that_is_not_deterministic(search: str) -> None:
    made = count()

    def build(machine: Machine) -> None:
        cell = machine.counter("cell")

        async def work() -> None:
            await cell.store(next(made))

        machine.task("one", work)
        machine.task("two", work)

    with pytest.raises(ReplayDiverged, match="is not deterministic"):
        dmabuf_async.check(build, search)
