from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.replay import Replay
from tests.harness import all_executions, execute, machine_for, outcomes


def sleepers(**ticks: int) -> Any:
    def build(machine: Machine) -> Any:
        woke: list[tuple[str, int]] = []

        async def sleep(name: str) -> None:
            await machine.clock.sleep(ticks[name])
            woke.append((name, machine.clock.now))

        for name in ticks:
            machine.task(name, sleep, name)
        return lambda: (tuple(woke), machine.clock.now)

    return build


def test_a_sleep_lasts_as_long_as_it_says() -> None:
    assert set(outcomes(sleepers(a=5))) == {((("a", 5),), 5)}


def test_a_sleep_lasts_one_tick_at_least() -> None:
    assert set(outcomes(sleepers(a=0))) == {((("a", 1),), 1)}


@pytest.mark.parametrize(
    ("says", "ticks"),
    [
        ("TypeError: clock.sleep takes whole ticks, and was given 0.5: time is virtual", 0.5),
        ("TypeError: clock.sleep takes whole ticks, and was given 2.0: time is virtual", 2.0),
        ("TypeError: clock.sleep takes whole ticks, and was given True: time is virtual", True),
        ("TypeError: clock.sleep takes whole ticks, and was given '3': time is virtual", "3"),
        ("ValueError: clock.sleep takes 0 to 2**63 - 1 ticks, and was given -3: no deadline lies in the past", -3),
        ("ValueError: clock.sleep takes 0 to 2**63 - 1 ticks, and was given 9223372036854775808: no deadline", 2**63),
        ("ValueError: clock.sleep takes 0 to 2**63 - 1 ticks, and was given an integer of 51 digits", 10**50),
    ],
)
def test_what_is_no_number_of_whole_ticks_is_an_error_of_the_task_that_asked(says: str, ticks: Any) -> None:
    ran = execute(sleepers(a=ticks, b=1))
    assert [(finding.code, finding.actor) for finding in ran.findings] == [("unhandled-exception", "a")]
    assert says in ran.findings[0].message
    assert ran.observed == ((("b", 1),), 1)


def test_deadlines_count_from_when_the_sleep_began() -> None:
    """A second sleeper may begin before or after time has gone on."""
    ends = {now for _, now in outcomes(sleepers(a=2, b=3))}
    assert ends == {3, 5}  # side by side; one after the other, in either order


def test_who_sleeps_less_never_wakes_later_if_both_began_before_time_went_on() -> None:
    for ran in all_executions(sleepers(a=1, b=2), trace=True):
        texts = ran.texts()
        fired = texts.index("clock: time goes on to the next deadline")
        if {"a: sleep 1", "b: sleep 2"} <= set(texts[:fired]):
            assert "a: wake up" in texts[fired:]
            assert dict(ran.observed[0])["b"] == 2


def test_all_that_are_due_wake_at_one_firing() -> None:
    for ran in all_executions(sleepers(a=2, b=2), trace=True):
        texts = ran.texts()
        if texts[:2] in (["a: sleep 2", "b: sleep 2"], ["b: sleep 2", "a: sleep 2"]):
            assert texts.count("clock: time goes on to the next deadline") == 1


def test_the_clock_may_fire_as_soon_as_a_deadline_is_set_and_orders_nothing_else() -> None:
    def build(machine: Machine) -> Any:
        cell = machine.cell("c")
        seen: list[int] = []

        async def sleep() -> None:
            await machine.clock.sleep(1)
            seen.append(await cell.load())

        async def work() -> None:
            await cell.store(1)

        machine.task("a", sleep)
        machine.task("b", work, cpu=1)
        return lambda: seen[0]

    assert set(outcomes(build)) == {0, 1}


def test_a_pending_deadline_is_progress_and_no_deadlock() -> None:
    assert execute(sleepers(a=3)).stopped == "ended"


def test_a_daemon_that_sleeps_on_holds_nobody_up() -> None:
    def build(machine: Machine) -> Any:
        async def tick() -> None:
            while True:
                await machine.clock.sleep(1)

        async def work() -> None:
            await machine.cell("c").load()

        machine.task("ticker", tick, daemon=True)
        machine.task("worker", work, cpu=1)

    ran = execute(build, [1, 1, 1, 1])
    assert (ran.stopped, ran.codes) == ("ended", [])


def test_the_state_holds_relative_deadlines_soonest_first() -> None:
    machine, _ = machine_for(sleepers(a=7, b=3))
    states: list[list[tuple[int, str]]] = []
    watch = Watch(machine)
    watch.on_step = lambda: states.append([(ticks, actor.name) for ticks, actor in machine.clock.timers])
    inline.execute(machine, Replay([1, 0]), watch=watch)  # b, then a, then the clock
    assert states[0] == [(3, "b")]
    assert states[1] == [(3, "b"), (7, "a")]
    assert [(4, "a")] in states
    assert machine.clock.now == 7


def test_the_longest_sleep_is_told_in_full() -> None:
    ran = execute(sleepers(a=2**63 - 1), trace=True)
    assert ran.observed == ((("a", 2**63 - 1),), 2**63 - 1)
    assert ran.texts()[0] == "a: sleep 9223372036854775807"
