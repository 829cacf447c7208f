from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from dmabuf_async.explore.checking import check
from dmabuf_async.explore.execution import Execution
from dmabuf_async.explore.replaying import replay
from dmabuf_async.explore.why import Why, why
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.trace.events import Finding


def failing(scenario: str, preemptions: int = 1) -> tuple[Program, Execution, Finding]:
    """The execution that a bounded search finds first."""
    program = catalogue.load(f"scenarios/{scenario}.toml")
    failure = check(program, preemptions=preemptions, first=True).failures[0]
    shown = replay(program, failure.schedule)
    return program, shown, next(one for one in shown.primary if one.signature == failure.finding.signature)


def told(scenario: str, preemptions: int = 1) -> Why:
    return why(*failing(scenario, preemptions))


def words(reason: Why) -> list[tuple[str, str, str, str]]:
    return [(one.first.actor, one.first.text, one.second.actor, one.second.text) for one in reason.pairs]


@pytest.mark.parametrize(
    ("scenario", "first", "second"),
    [
        ("pin/pins-ignored", "evictor: switch fb[0] to swap#0", "importer: put_backing_storage(fb)"),
        ("mmap/zap-after-move", "mover: switch fb[0] to vram#0", "display: clear pte display.m[0]"),
        ("mmap/tlb-not-flushed", "evictor: free ram#0", "display: flush tlb of cpu0"),
        # a test that no longer holds when it is acted upon
        ("pin/pinned-after-unlock", "evictor: load fb.pin_count", "importer: add fb.pin_count 1"),
        ("pin/tested-outside-lock", "evictor: load fb.pin_count", "importer: add fb.pin_count 1"),
        ("mmap/fault-reinstalls-old-frame", "display: look where fb[0] is", "mover: switch fb[0] to ram#0"),
        ("kmap/slot-wait-under-lock", "two: lock fb.lock", "one: lock fb.lock"),
    ],
)
def test_the_order_that_a_race_hangs_on_is_told(scenario: str, first: str, second: str) -> None:
    reason = told(scenario, 2)
    assert [(f"{a}: {b}", f"{c}: {d}") for a, b, c, d in words(reason)] == [(first, second)]
    assert not reason.alone


def test_a_partner_is_known_by_what_it_does_where_its_actor_goes_another_way_in_the_passing_execution() -> None:
    program = catalogue.load("scenarios/mmap/zap-after-move.toml")
    broken = replay(program, "dba1:jry7.2065")
    reason = why(program, broken, broken.primary[0])
    assert words(reason) == [("mover", "switch fb[0] to vram#0", "display", "clear pte display.m[0]")]
    there = replay(program, reason.passing).trace.events
    (pair,) = reason.pairs
    turned = [event.step for event in there if event.actor == "display"].index
    assert turned(next(event.step for event in there if event.text == pair.second.text)) != sum(
        event.actor == "display" for event in broken.trace.events[: pair.second.step - 1]
    ), "or this tests nothing"


@pytest.mark.parametrize(
    "scenario", ["pin/pins-ignored", "mmap/zap-after-move", "kmap/two-importers", "memory/enomem-ignored"]
)
def test_the_nearest_passing_execution_passes_and_parts_where_it_is_said(scenario: str) -> None:
    program, broken, finding = failing(scenario)
    reason = why(program, broken, finding)
    passes = replay(program, reason.passing)
    assert not passes.primary
    mine = [(event.actor, event.text, event.result) for event in broken.trace.events]
    theirs = [(event.actor, event.text, event.result) for event in passes.trace.events]
    assert mine[: reason.parts - 1] == theirs[: reason.parts - 1]
    assert mine[reason.parts - 1 : reason.parts] != theirs[reason.parts - 1 : reason.parts]
    assert reason.instead is not None
    assert (reason.instead.actor, reason.instead.text) == theirs[reason.parts - 1][:2]


def test_the_pair_comes_in_this_order_in_the_failing_one_and_the_other_way_round_in_the_passing_one() -> None:
    program, broken, finding = failing("pin/pins-ignored")
    reason = why(program, broken, finding)
    (pair,) = reason.pairs
    assert 0 < pair.first.step < pair.second.step
    assert pair.objects == ("fb.pins",)
    there = [event.text for event in replay(program, reason.passing).trace.events]
    assert there.index(pair.second.text) < there.index(pair.first.text)


def test_what_an_actor_waits_to_do_in_the_end_can_be_what_came_too_late() -> None:
    (pair,) = told("kmap/two-importers").pairs
    assert pair.second.step == 0
    assert (pair.second.actor, pair.objects) == ("one", ("kmap slots",))


def test_a_deadlock_hangs_on_an_order_though_its_tasks_share_nothing_until_they_wait() -> None:
    program = catalogue.load("scenarios/locks/abba.toml")
    broken = replay(program, "dba1:epr9.70mk")
    (finding,) = broken.primary
    assert finding.code == "deadlock"
    assert sorted(broken.trace.causal_past(finding)) == [1, 2]
    reason = why(program, broken, finding)
    assert words(reason) == [("backward", "lock second", "forward", "lock second")]
    assert not reason.alone


def test_a_fault_that_is_needed_is_told_before_any_order() -> None:
    reason = told("memory/enomem-ignored")
    assert [(event.actor, event.text, event.result) for event in reason.faults] == [
        ("importer", "alloc frame for fb[1]", "ENOMEM")
    ]
    assert reason.pairs == ()


def test_what_the_environment_does_on_its_own_is_a_fault_too() -> None:
    (event,) = told("cache/prefetch-during-dma").faults
    assert event.text == "prefetch the line of ram#0"


def test_what_one_actor_does_alone_is_no_race() -> None:
    reason = told("kmap/third-page")
    assert reason.alone
    assert (reason.pairs, reason.faults, reason.passing, reason.instead) == ((), (), "", None)


def test_what_is_found_in_every_order_is_no_race_although_others_have_a_part_in_it() -> None:
    reason = told("cache/kunmap-without-clean")
    assert not reason.alone
    assert reason.pairs == ()
    assert reason.tried > 10


def test_two_pairs_are_told_if_it_takes_both() -> None:
    def either(machine: Any) -> None:
        """It fails if c comes after one of a and b; so a and b must both come after c for it to hold."""
        done, failed = machine.cell("done"), machine.cell("failed")

        async def first() -> None:
            await done.exchange(1)

        async def second() -> None:
            await failed.exchange(1)

        async def judge() -> None:
            assert await done.load_acquire() + await failed.load_acquire() == 0

        machine.task("a", first)
        machine.task("b", second)
        machine.task("c", judge)

    program = from_function(either)
    failure = check(program, "graph").failures[0]
    for schedule in (failure.schedule, replay(program, failure.schedule).schedule):
        shown = replay(program, schedule)
        (finding,) = shown.primary
        happened = {event.text for event in shown.trace.events[: finding.step - 1] if event.kind == "exchange"}
        reason = why(program, shown, finding)
        assert len(reason.pairs) == len(happened)
        assert not replay(program, reason.passing).primary


def test_it_stops_when_its_time_is_over() -> None:
    program, broken, finding = failing("pin/pins-ignored")
    seconds = count()
    reason = why(program, broken, finding, seconds=3.5, clock=lambda: float(next(seconds)))
    assert 0 < reason.tried <= 3
    late = why(program, broken, finding, seconds=0, clock=iter([0.0] + [1.0] * 10_000).__next__)
    assert (late.tried, late.pairs, late.passing) == (0, (), "")


def test_the_same_is_told_every_time() -> None:
    program, broken, finding = failing("pin/pins-ignored")
    assert why(program, broken, finding) == why(program, broken, finding)
