"""``always``: what it finds, at which step, and what it does to footprints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.explore.execution import Execution, execute, perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.machine.judged import Judged
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import conflicts
from dmabuf_async.protocol import rfc2012
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.properties import property_of
from dmabuf_async.scenario.python import from_function, scenario
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from tests.brute import brute


def counters(machine: Machine) -> None:
    """One sets a and clears it again, the other sets b: never both, unless they meet."""
    a, b = machine.counter("a"), machine.counter("b")

    async def one() -> None:
        await a.store(1)
        await a.store(0)

    async def two() -> None:
        await b.store(1)

    machine.task("one", one)
    machine.task("two", two, cpu=1)


def with_always(build: Callable[[Machine], object], *texts: str) -> Program:
    return replace(from_function(build), always=tuple(map(property_of, texts)))


def executed(program: Program) -> Execution:
    execution = execute(program, Calm())
    assert execution is not None
    return execution


def test_it_is_told_at_the_first_step_that_breaks_it_and_only_there() -> None:
    def build(machine: Machine) -> None:
        a = machine.counter("a")

        async def one() -> None:
            for value in (1, 2, 3, 0, 3):
                await a.store(value)

        machine.task("one", one)

    [finding] = executed(with_always(build, "a < 2")).findings
    assert (finding.code, finding.step, finding.actor, finding.primary) == ("always-violated", 2, "one", True)
    assert finding.message == "a < 2 no longer holds: a is 2"
    assert finding.objects == ("a < 2", "a")


def test_two_properties_that_one_step_breaks_are_two_findings() -> None:
    def build(machine: Machine) -> None:
        a = machine.counter("a")

        async def one() -> None:
            await a.store(9)

        machine.task("one", one)

    findings = executed(with_always(build, "a < 2", "a < 3")).findings
    assert [finding.primary for finding in findings] == [True, True]
    assert len({finding.signature for finding in findings}) == 2


def test_a_violation_between_two_steps_is_found_where_they_meet_and_only_by_some_orders() -> None:
    program = with_always(counters, "a == 0 or b == 0")
    verdict = perform(fuzz(program, RandomWalk(0), executions=60))
    assert {failure.finding.code for failure in verdict.failures} == {"always-violated"}
    assert 0 < sum(verdict.counts.values()) < 60


def test_two_writes_of_different_objects_of_a_property_conflict_and_else_do_not() -> None:
    def meet(program: Program) -> bool:
        machine = program.machines()()
        one, two = machine.actors
        things = machine.things
        a, b = things["counter a"], things["counter b"]
        return conflicts(a.store(1).footprint(one), b.store(1).footprint(two))  # type: ignore[attr-defined]

    assert meet(with_always(counters, "a == 0 or b == 0"))
    assert not meet(with_always(counters, "a < 2", "b < 2"))
    assert not meet(from_function(counters))


@pytest.mark.unaudited
def test_without_its_footprints_a_search_that_makes_one_execution_a_class_would_miss_an_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = with_always(counters, "a == 0 or b == 0")

    def shown() -> list[list[int]]:
        """Of each class: how many findings its executions show."""
        everything = brute(program, checkers=CHECKERS)
        assert everything is not None
        return sorted(sorted({len(findings) for _, findings in ends}) for ends in everything.shown.values())

    assert shown() == [[0], [1], [1]]
    monkeypatch.setattr(Judged, "widened", lambda _, footprint: footprint)
    assert shown() == [[0, 1]]


def test_what_a_child_of_a_group_does_is_judged_too() -> None:
    def build(machine: Machine) -> None:
        a, b = machine.counter("a"), machine.counter("b")

        async def child() -> None:
            await a.store(5)

        async def one() -> None:
            async with Group() as group:
                await group.spawn(child)
            await b.store(1)

        machine.task("one", one)

    [finding] = executed(with_always(build, "a < 2 or b == 1")).findings
    assert finding.actor == "one/0"


def test_pins_of_different_actors_conflict_only_if_a_property_counts_them() -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        StaticExporter(machine, buffer, "ram")

        async def pin() -> None:
            await rfc2012.get_backing_storage(buffer, 0, buffer.size)
            await rfc2012.put_backing_storage(buffer, 0, buffer.size)

        machine.task("one", pin)
        machine.task("two", pin, cpu=1)

    program = with_always(
        build, "fb.pins <= 1", "fb.pins < 9 and fb[0].where != 'swap'", "fb.pins < 9 and fb.references > 0"
    )
    verdict = perform(fuzz(program, RandomWalk(0), executions=60))
    assert {failure.finding.code for failure in verdict.failures} == {"always-violated"}
    assert any("fb.pins is 2" in failure.finding.message for failure in verdict.failures)
    assert perform(fuzz(with_always(build, "fb.pins <= 2"), RandomWalk(0), executions=60)).exit_code == 0


def test_a_consequence_of_another_finding_is_not_primary() -> None:
    def build(machine: Machine) -> None:
        a, b, c = machine.counter("a"), machine.counter("b"), machine.counter("c")

        async def one() -> None:
            await a.store(5)
            await b.store(5)
            await c.store(5)

        machine.task("one", one)

    findings = executed(with_always(build, "a < 2", "c < 2")).findings
    assert [(finding.message, finding.primary) for finding in findings] == [
        ("a < 2 no longer holds: a is 5", True),
        ("c < 2 no longer holds: c is 5", False),
    ]


def test_a_python_scenario_states_properties_or_predicates_of_its_own() -> None:
    @scenario(always=["a == 0 or b == 0"])
    def marked(machine: Machine) -> None:
        counters(machine)

    def own(machine: Machine) -> None:
        counters(machine)
        a, b = machine.things["counter a"], machine.things["counter b"]
        machine.always("not both", lambda: not (a.state() and b.state()), a, b)

    for function in (marked, own):
        verdict = perform(fuzz(from_function(function), RandomWalk(0), executions=60))
        assert {failure.finding.code for failure in verdict.failures} == {"always-violated"}
