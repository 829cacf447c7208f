from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dmabuf_async.explore.checking import check, checking
from dmabuf_async.explore.pair import Disagreement, Pair
from dmabuf_async.explore.searches import searching
from dmabuf_async.explore.shrinking import shrunken
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from tests.backtracking import Backtracking

pytestmark = pytest.mark.unaudited


class Slow(Backtracking):
    """A search that never ends by itself soon."""

    name = "slow"

    def advance(self) -> bool:
        super().advance()
        return True


class Blind(Backtracking):
    """A search that is wrong: it looks at one execution and says that it was all."""

    name = "blind"

    def advance(self) -> bool:
        super().advance()
        return False


class Giving(Blind):
    """A search that stops short, and says so."""

    strength = "out of room"


@pytest.fixture
def race() -> Program:
    def build(machine: Machine) -> None:
        counter = machine.counter("n")

        async def adds() -> None:
            assert await counter.load() != 1
            await counter.add(1)

        machine.task("one", adds)
        machine.task("two", adds)

    return from_function(build)


def one(program: Program, kind: type[Backtracking] = Backtracking) -> Any:
    return kind(program, slice_of=1)


@pytest.mark.parametrize("turned", [False, True])
def test_whichever_ends_first_has_proved_it(race: Program, turned: bool) -> None:
    searches = [one(race), one(race, Slow)]
    pair = Pair(*(reversed(searches) if turned else searches))
    verdict = checking(race, pair)
    assert (verdict.executions, verdict.extent, verdict.left) == (6, "6 orders", "")
    assert verdict.proved


def test_before_one_has_ended_what_both_have_seen_is_told_once(race: Program) -> None:
    pair = Pair(one(race), one(race, Slow))
    assert pair.advance()
    assert pair.progress.executions == 2
    assert pair.extent == "backtracking: 1 orders; slow: 1 orders"
    assert pair.left.startswith("backtracking: at least")
    while not pair.progress.failures:
        assert pair.advance()
    assert len(pair.progress.failures) == 1


def test_one_that_gives_up_leaves_the_race_to_the_other(race: Program) -> None:
    verdict = checking(race, Pair(one(race, Giving), one(race)))
    assert (verdict.extent, verdict.bound) == ("6 orders", "")


def test_if_both_give_up_nothing_is_proved(race: Program) -> None:
    quiet = from_function(lambda machine: machine.task("one", _nothing))
    verdict = checking(quiet, Pair(one(quiet, Giving), one(quiet, Giving)))
    assert (verdict.exit_code, verdict.strength) == (6, "unfinished")
    assert verdict.bound == "blind: out of room; blind: out of room"


async def _nothing() -> None:
    """Ends at once."""


def test_both_go_to_their_ends_and_agree(race: Program) -> None:
    searches = one(race), Backtracking(race)
    verdict = checking(race, Pair(*searches, both=True))
    assert [search.progress.executions for search in searches] == [6, 6]
    assert verdict.extent == "backtracking: 6 orders; backtracking: 6 orders"
    assert verdict.proved


def test_of_both_one_alone_is_no_proof(race: Program) -> None:
    verdict = checking(race, Pair(one(race), one(race, Giving), both=True))
    assert verdict.bound == "only backtracking got to its end without leaving anything out"
    assert not verdict.proved


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_a_finding_that_one_has_and_the_other_ruled_out_names_both(race: Program, both: bool, turned: bool) -> None:
    blind, sighted = one(race, Blind), Backtracking(race)  # which finds it in its first slice
    pair = Pair(*((sighted, blind) if turned else (blind, sighted)), both=both)
    if not both and not turned:
        sighted.advance()
    if not both and turned:
        assert checking(race, pair).exit_code == 1  # the right one was first
        return
    with pytest.raises(Disagreement, match=r"blind proved .* no assertion .* and backtracking found it: dba1"):
        checking(race, pair)


def test_a_place_that_only_one_has_seen_somebody_at_is_a_disagreement(race: Program) -> None:
    quiet = from_function(lambda machine: machine.task("one", _nothing))
    seen = one(quiet)
    seen.progress.reached.add(("one", "step 1 load"))
    with pytest.raises(Disagreement, match="backtracking proved that one does not come to 'step 1 load'"):
        checking(quiet, Pair(one(quiet), seen, both=True))


def test_what_a_search_does_not_look_for_is_no_disagreement(race: Program) -> None:
    class Half(Blind):
        uncovered = ("assertion",)

    verdict = checking(race, Pair(one(race, Half), Backtracking(race), both=True))
    assert verdict.uncovered == ()
    pair = Pair(one(race, Half), one(race, Slow))
    assert checking(race, pair).uncovered == ("assertion",)


def test_a_pair_goes_on_where_it_was(race: Program) -> None:
    before = Pair(one(race), one(race, Slow))
    before.advance()
    after = Pair(one(race), one(race, Slow))
    after.resume(before.checkpoint())
    assert after.progress.executions == 2
    assert checking(race, after).executions == 6
    with pytest.raises(ValueError, match="two searches"):
        after.resume(b"[3]\nabc")
    with pytest.raises(ValueError, match=r"\w"):
        after.resume(b"nonsense")


def crossed(machine: Machine) -> None:
    """Two locks in both orders."""
    one, two = machine.mutex("one"), machine.mutex("two")

    async def work(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    machine.task("a", work, one, two)
    machine.task("b", work, two, one)


@pytest.mark.parametrize("search", ["auto", "both"])
def test_findings_are_told_in_the_order_of_their_codes_whoever_wins_and_what_is_expected_first(search: str) -> None:
    def codes(program: Program) -> list[str]:
        return [failure.finding.code for failure in check(program, search).failures]

    program = from_function(crossed)
    assert codes(program) == ["lock-order", "lock-order", "deadlock"]
    assert codes(replace(program, findings=("deadlock",))) == ["deadlock", "lock-order", "lock-order"]


def refuted(machine: Machine) -> None:
    """Each task may find that the others have been there before, or wait for what nobody brings about."""
    n = machine.counter("n")

    async def work(number: int) -> None:
        assert await n.add(1) != number
        await n.wait("!=", 3 - number)

    for number, name in enumerate("cab", 1):
        machine.task(name, work, number)


def test_what_is_shown_is_the_same_whichever_wins() -> None:
    program = from_function(refuted)
    shown = []
    for names in (("graph", "dpor"), ("dpor", "graph")):
        first, second = (searching(program, name) for name in names)
        verdict = checking(program, Pair(first, second))
        assert verdict.extent == first.extent
        shown.append(
            [
                (failure.finding, failure.schedule, failure.shrunk and failure.shrunk.proved)
                for one in verdict.failures
                for failure in shrunken(program, verdict, one, seconds=60).failures
                if failure.finding.signature == one.finding.signature
            ]
        )
    assert shown[0] == shown[1]
    assert [(finding.actor, proved) for finding, _, proved in shown[0]] == [("a", True), ("b", True), ("c", True)]
