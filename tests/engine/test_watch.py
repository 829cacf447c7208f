"""Findings are primary if no other is in their causal past; a trace says what happened in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from dmabuf_async.checkers.base import Found
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import ENOMEM, settle, shown
from dmabuf_async.strategies.base import ChoicePoint, RunInfo
from dmabuf_async.strategies.replay import Replay
from tests.harness import execute
from tests.programs import Spec, answers, specs


class Answers:
    """Answers modulo the number of options, then calm."""

    def __init__(self, given: Sequence[int]) -> None:
        self.left = list(reversed(given))

    def start(self, run: RunInfo) -> bool:
        return True

    def choose(self, point: ChoicePoint) -> int:
        return self.left.pop() % point.n if self.left else 0


class Noting(Watch):
    """Notes for each finding: at which step it was stated, in the judgement at the end, and whose latest steps."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.noted: list[tuple[int, bool, dict[str, int]]] = []
        self.ending = False

    def over(self, core: Any) -> None:
        self.ending = True
        super().over(core)

    def state(self, found: Found, step: int | None = None) -> None:
        members = {actor.name: actor.last for actor in (found.actor, *found.others)}
        self.noted.append((self.step, self.ending, members))
        super().state(found, step)


def watched(spec: Spec, given: Sequence[int], *, footprints: bool) -> tuple[Noting, Core]:
    watch = Noting(spec.machine(), CHECKERS, trace=True, footprints=footprints)
    core = inline.execute(watch.machine, Answers(given), watch=watch, max_steps=300)
    assert core is not None
    return watch, core


@pytest.mark.unaudited
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs(), answers)
def test_a_finding_is_primary_if_and_only_if_no_earlier_one_is_in_its_causal_past(
    spec: Spec, answers: list[int]
) -> None:
    watch, core = watched(spec, answers, footprints=True)
    trace = watch.trace(core)
    earlier: list[int] = []
    stuck: dict[str, int] = {}  # in a deadlock, and since when: what they do after it follows from it, and nothing else
    for finding, (step, ending, members) in zip(watch.findings, watch.noted, strict=True):
        pasts = {last: trace.causal_past(replace(finding, code="", step=last)) for last in members.values() if last}
        past = frozenset[int]().union(*pasts.values())
        told = not stuck.keys().isdisjoint(members)
        freed = any(stuck.get(event.actor, event.step) < event.step for event in trace.events if event.step in past)
        if finding.code == "deadlock":  # what is found at the latest step of a member is found together with that
            follows = any(other in of and other != last for last, of in pasts.items() for other in earlier) or freed
        else:
            follows = any(other in past and (other < step or ending) for other in earlier) or freed or told
        assert finding.primary == (not follows), finding
        if finding.code == "deadlock":
            stuck |= dict.fromkeys(members, step)
        elif not ending:
            earlier.append(step)
    without, _ = watched(spec, answers, footprints=False)
    assert without.findings == watch.findings, "what is kept does not change what is found"


def test_what_is_found_on_one_cpu_while_another_holds_it_atomically_is_a_consequence() -> None:
    """The state of a CPU belongs to the footprint of whoever stands on it."""

    def build(machine: Machine, cpu: int) -> None:
        buffers = [machine.buffer(f"b{number}") for number in range(2)]
        from dmabuf_async.drivers.static import StaticExporter
        from dmabuf_async.protocol import rfc2012

        for buffer in buffers:
            StaticExporter(machine, buffer, "ram", ())

        async def atomic() -> None:
            mapping = await rfc2012.kmap_atomic(buffers[0], 0)  # without a get
            await rfc2012.kunmap_atomic(mapping)

        async def puts() -> None:
            await rfc2012.put_backing_storage(buffers[1])  # without a get

        machine.task("atomic", atomic, cpu=0)
        machine.task("puts", puts, cpu=cpu)

    def primary(cpu: int) -> dict[str, bool]:
        findings = execute(lambda machine: build(machine, cpu), sizes=Sizes(cpus=2)).findings
        return {finding.code: finding.primary for finding in findings if finding.actor == "puts"}

    assert primary(cpu=1) == {"unbalanced-put": True}
    assert primary(cpu=0) == {"unbalanced-put": False}


def test_a_trace_names_tasks_by_path_and_then_the_environment() -> None:
    def build(machine: Machine) -> None:
        async def sleeper() -> None:
            await machine.clock.sleep(2)

        for name in ("b", "a"):
            machine.task(name, sleeper, cpu=1)

    ran = execute(build, trace=True)
    trace = ran.watch.trace(ran.core)
    assert trace.actors == ("b", "a", "clock")
    assert [event.step for event in trace.events] == list(range(1, len(trace.events) + 1))
    fire = next(event for event in trace.events if event.actor == "clock")
    assert (fire.cpu, fire.fault, fire.writes) == (None, True, frozenset({"clock"}))
    assert {event.cpu for event in trace.events if event.actor != "clock"} == {1}


def test_an_event_says_who_could_have_gone_on() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("x")

        async def loads() -> None:
            await cell.load()
            await cell.load()

        machine.task("a", loads)
        machine.task("b", loads)

    ran = execute(build, [0, 1, 1], trace=True)
    events = ran.watch.trace(ran.core).events
    assert [(event.actor, event.preempts) for event in events] == [("a", None), ("b", "a"), ("a", "b"), ("b", None)]


def test_who_closes_the_cpu_to_another_by_its_first_step_has_preempted_it() -> None:
    def build(machine: Machine) -> None:
        cell, lock = machine.cell("x"), machine.spinlock("lock")

        async def loads() -> None:
            await cell.load()
            await cell.load()

        async def locks() -> None:
            await lock.lock()
            await lock.unlock()

        machine.task("a", loads, cpu=0)
        machine.task("b", locks, cpu=0)

    ran = execute(build, [0, 1], trace=True)
    events = ran.watch.trace(ran.core).events
    assert [(event.actor, event.preempts) for event in events][:2] == [("a", None), ("b", "a")]


def test_the_environment_preempts_nobody_and_the_switch_after_it_does() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("x")

        async def sleeps() -> None:
            await machine.clock.sleep(1)

        async def loads() -> None:
            await cell.load()
            await cell.load()

        machine.task("a", sleeps)
        machine.task("b", loads)

    ran = execute(build, [0, 0, 1, 1], trace=True)
    events = ran.watch.trace(ran.core).events
    assert [(event.actor, event.preempts) for event in events] == [
        ("a", None),
        ("b", None),
        ("clock", None),
        ("a", "b"),
        ("b", None),
    ]


def test_without_footprints_nobody_keeps_them_and_without_a_trace_nobody_keeps_steps() -> None:
    for trace, footprints in ((False, False), (True, False), (False, True)):
        machine = Machine()
        cell = machine.cell("x")

        async def loads(cell: Any = cell) -> None:
            await cell.load()

        machine.task("a", loads)
        machine.seal()
        watch = Watch(machine, trace=trace, footprints=footprints)
        watch.deep = footprints  # whether or not it is audited
        core = inline.execute(machine, Replay(()), watch=watch)
        assert core is not None
        events = watch.trace(core).events
        assert len(events) == (trace or footprints)
        assert [event.reads for event in events if footprints] == [frozenset({"x", "cpu0"})] * footprints


def test_who_looks_is_called_after_each_step_and_at_the_end_before_anything_is_unwound() -> None:
    machine = Machine()
    never, seen = machine.cell("never"), list[Any]()

    async def waits() -> None:
        try:
            await never.load()
            await settle(("waits", 1), "here")
            await never.wait("==", 1)
        finally:
            seen.append("unwound")

    machine.task("a", waits)
    machine.seal()
    watch = Watch(machine, CHECKERS)
    watch.on_step = lambda: seen.append(watch.step)
    watch.on_over = lambda core: seen.append(core.stopped)
    inline.execute(machine, Replay(()), watch=watch)
    assert seen == [1, "deadlock", "unwound"]
    assert watch.reached == {("a", "here")}
    assert [finding.code for finding in watch.findings] == ["deadlock"]
    assert machine.actors[0].settled == ("waits", 1)


def test_what_decides_whether_more_is_primary_is_told_and_nothing_as_long_as_nothing_was_found() -> None:
    def build(machine: Machine) -> None:
        mutex, cell = machine.mutex("m"), machine.cell("c")

        async def unlock() -> None:
            await mutex.unlock()  # which nobody holds
            await cell.store_release(1)

        async def load() -> None:
            await cell.load_acquire()

        machine.task("unlock", unlock)
        machine.task("load", load)

    assert execute(build, checkers=()).watch.memory() is None
    before, after, again = (execute(build, answers).watch for answers in ([1], [0, 0], [1]))
    assert [finding.signature for finding in before.findings] == [finding.signature for finding in after.findings]
    assert before.memory() == again.memory() != after.memory()  # only who loads afterwards comes after the finding
    before.machine.actors[0].stuck = True  # it has been told as a member of a deadlock, and is not told again
    assert before.memory() != again.memory()


def test_a_result_is_shown_the_same_everywhere() -> None:
    machine = Machine()
    assert shown(None) == ""
    assert (shown(ENOMEM), shown(machine.cell("x")), shown(7), shown("a")) == ("ENOMEM", "x", "7", "'a'")
