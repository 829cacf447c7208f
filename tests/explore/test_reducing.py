"""Reducing scenarios: what is left still breaks in the same way, and in no other."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.explore import reducing
from dmabuf_async.explore.checking import check
from dmabuf_async.explore.reducing import Reduced, kind_of, reduce
from dmabuf_async.explore.replaying import replay
from dmabuf_async.scenario import build
from dmabuf_async.scenario.load import load_scenario
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.trace.events import Finding, Signature

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

LEAST: Final = tomllib.loads(Path(__file__).with_name("minima.toml").read_text(encoding="utf-8"))
SCENARIOS: Final = Path(__file__).parents[2] / "scenarios"


def scenario(name: str) -> Scenario:
    return load_scenario(SCENARIOS / name, defects=DEFECTS, codes=CODES)


@cache
def smallest(name: str, code: str) -> Reduced:
    """What is left when nothing ends it."""
    return reduced(name, code)


def reduced(name: str, code: str, **options: Any) -> Reduced:
    found = reduce(scenario(name), name, lambda finding: finding.code == code, **options)
    assert found is not None
    return found


def test_two_locks_in_both_orders_are_left_of_a_deadlock_with_two_locks() -> None:
    left = smallest("locks/abba.toml", "deadlock").scenario
    assert [[type(step).__name__ for step in task.steps] for task in left.tasks] == [["Lock", "Lock"]] * 2
    assert left.expect.findings == ["deadlock", "lock-order"]  # which comes with it, here as there
    assert (left.story, left.title) == ("", scenario("locks/abba.toml").title)


@pytest.mark.parametrize(
    ("name", "code"), [("mmap/zap-after-move.toml", "stale-pte"), ("cache/shared-line.toml", "lost-write")]
)
def test_what_is_left_breaks_in_the_same_way_and_in_no_other(name: str, code: str) -> None:
    whole = scenario(name)
    found = smallest(name, code)
    assert len(repr(found.scenario)) < len(repr(whole))
    assert not found.bound
    program = build.program(found.scenario, name)
    shown = replay(program, found.shrunk.schedule)
    assert found.shrunk.finding in shown.primary
    verdict = check(program)
    assert verdict.exit_code == 0  # it is found as expected, and nothing else
    assert {failure.finding.code for failure in verdict.failures} == {code}


def test_it_is_the_same_each_time() -> None:
    assert reduced("locks/abba.toml", "deadlock") == smallest("locks/abba.toml", "deadlock")


def test_the_cause_is_left_and_not_only_its_code() -> None:
    left = smallest("cache/shared-line.toml", "lost-write").scenario
    assert left.machine.line_words == 2  # on one word of its own it would be lost, too, but in another way


def test_a_schedule_says_which_finding_is_meant_however_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    name, code = "mmap/child-before-parent.toml", "stale-pte"
    monkeypatch.setattr(reducing, "EXECUTIONS", 1)
    monkeypatch.setattr(reducing, "ROOM", 10)
    whole = scenario(name)
    assert reduce(whole, name, lambda finding: finding.code == code) is None
    choices = replay(build.program(whole, name), LEAST[name][code]["schedule"]).choices
    found = reduced(name, code, choices=choices)
    assert (found.shrunk.finding.code, found.shrunk.cost.preemptions) == (code, 2)
    assert len(repr(found.scenario)) < len(repr(whole))  # its story has gone, and there the schedule is as good


def test_what_is_not_found_reduces_to_nothing() -> None:
    assert reduce(scenario("locks/abba-repaired.toml"), "x", bool) is None


def test_an_interrupt_and_the_end_of_time_give_the_smallest_so_far() -> None:
    whole = smallest("locks/abba.toml", "deadlock")
    for allowed in (0, 8):
        told: list[str] = []

        def show(words: str, told: list[str] = told, allowed: int = allowed) -> None:
            told.append(words)
            if len(told) > allowed:
                raise KeyboardInterrupt

        found = reduced("locks/abba.toml", "deadlock", show=show)
        assert found.bound == "interrupted"
        assert len(repr(found.scenario)) >= len(repr(whole.scenario))
        assert found.shrunk.finding.code == "deadlock"
        assert len(told) == allowed + 1
    late = reduced("locks/abba.toml", "deadlock", seconds=0)
    assert (late.bound, late.tried) == ("stopped after 0 s", 0)


def finding(
    site: str, code: str = "stale-pte", objects: tuple[str, ...] = ("ram#0",), message: str = "it broke"
) -> Finding:
    return Finding(code, "P1", message, 3, "mover", objects, Signature(code, "P1", "mover", site, "frame"))


def test_it_is_the_same_finding_whatever_the_number_of_the_step() -> None:
    assert kind_of(finding("step 2 migrate: Move.switch")) == kind_of(finding("step 11 migrate: Move.switch"))
    assert kind_of(finding("step 2 migrate: Move.switch")) != kind_of(finding("step 2 swap_out: Move.switch"))
    assert kind_of(finding("", objects=("ram#1",))) == kind_of(finding(""))
    assert kind_of(finding("", "deadlock", ("a", "b"))) != kind_of(finding("", "deadlock", ("a",)))
    one, several, ended = ("a waits for b", "a waits for b; b waits for a", "a waits for b (it has ended)")
    assert len({kind_of(finding("", "deadlock", ("l",), message)) for message in (one, several, ended)}) == 3
