"""Tolerant replay: what a plan does not say, and what it says that cannot be."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS, inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import KernelError
from dmabuf_async.explore.cost import Cost
from dmabuf_async.explore.segments import Plan, Segment
from dmabuf_async.explore.tolerant import TolerantReplay
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.tasks import Group
from dmabuf_async.trace.events import Signature
from tests.brute import program_of
from tests.costs import cheapest, is_it

A, B = (0,), (1,)

pytestmark = pytest.mark.unaudited


def signature_of(made: Program) -> Signature:
    """Of what is found where nobody is preempted."""
    machine = made.machines()()
    watch = Watch(machine, CHECKERS)
    inline.execute(machine, Calm(), watch=watch)
    return watch.findings[0].signature


def played(made: Program, *segments: Segment, faults: tuple[tuple[tuple[tuple[int, ...], int], int], ...] = ()) -> str:
    """Who makes the steps, one letter each."""
    replay = TolerantReplay(made, is_it(signature_of(made)), checkers=CHECKERS, max_steps=MAX_STEPS)
    shows = replay.play(Plan(segments, faults))
    assert shows is not None
    return "".join("AB"[step.path[0]] if step.path[0] < 2 else "e" for step in shows.made)


def ends_badly(machine: Machine) -> None:
    """B fails at the end of the run, whatever comes before; A waits for it in the middle."""
    cell = machine.cell("c")

    async def first() -> None:
        await cell.load_acquire()
        await cell.wait("==", 1)
        await cell.load_acquire()

    async def second() -> None:
        await cell.store_release(1)
        await cell.load_acquire()
        await cell.wait("==", 2)

    machine.task("a", first)
    machine.task("b", second)


def test_a_segment_ends_at_its_length_where_its_actor_waits_and_where_it_ends() -> None:
    made = program_of(ends_badly)
    assert played(made, Segment(A, 9, False), Segment(B, 1, False), Segment(A, 9, False)) == "ABAAB"
    assert played(made, Segment(A, 1, False), Segment(B, 2, False), Segment(A, 1, False)) == "ABBAA"


def test_where_segments_run_out_nobody_is_preempted_and_then_the_lowest_goes_on() -> None:
    made = program_of(ends_badly)
    assert played(made) == "ABBAA"
    assert played(made, Segment(B, 1, False)) == "BBAAA"


def test_a_segment_of_somebody_who_cannot_go_on_or_is_unknown_is_passed_over() -> None:
    made = program_of(ends_badly)
    assert played(made, Segment((7,), 3, False), Segment(A, 1, False), Segment(A, 1, False)) == "ABBAA"


def test_it_gives_up_where_it_costs_as_much() -> None:
    made = program_of(ends_badly)
    replay = TolerantReplay(made, is_it(signature_of(made)), checkers=CHECKERS, max_steps=MAX_STEPS)
    shows = replay.play(Plan(()))
    assert shows is not None
    assert shows.cost == Cost(0, 0, 2, 5)
    assert replay.play(Plan(()), shows.cost) is None
    assert replay.play(Plan(()), shows.cost._replace(steps=6)) is not None
    assert replay.replays == 3


def test_a_preemption_is_a_switch_away_from_somebody_who_could_have_gone_on() -> None:
    made = program_of(ends_badly)
    replay = TolerantReplay(made, is_it(signature_of(made)), checkers=CHECKERS, max_steps=MAX_STEPS)
    shows = replay.play(Plan((Segment(B, 1, False), Segment(A, 1, False), Segment(B, 9, False))))
    assert shows is not None
    assert shows.cost == Cost(0, 2, 3, 5)


def interrupted(machine: Machine) -> None:
    """Waits can be interrupted; whoever was cannot count to two."""
    cell = machine.cell("c", 1)

    async def waits() -> None:
        calm = 0
        for value in (1, 1):
            with suppress(KernelError):
                await cell.wait("==", value, interruptible=True)
                calm += 1
        assert calm == 2

    machine.task("a", waits)


def test_an_outcome_is_that_of_the_plan_for_the_op_with_its_number() -> None:
    made = replace(program_of(interrupted), sizes=Sizes(eintr=1))
    reference = cheapest(made, 100)
    assert reference is not None
    (signature,) = reference
    replay = TolerantReplay(made, is_it(signature), checkers=CHECKERS, max_steps=MAX_STEPS)
    assert replay.play(Plan(())) is None
    for number in (0, 1):
        shows = replay.play(Plan((), (((A, number), 1),)))
        assert shows is not None
        assert [step.outcome for step in shows.made] == [number == 0, number == 1]
        assert shows.cost == Cost(1, 0, 0, 2)
    assert replay.play(Plan((), (((A, 2), 1),))) is None
    assert replay.play(Plan((), (((A, 0), 7),))) is None


def in_a_group(machine: Machine) -> None:
    """Actors that no table holds."""

    async def child() -> None:
        raise ValueError("wrong")

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(child)

    machine.task("a", parent)


@pytest.mark.parametrize("reusable", [True, False])
def test_actors_that_no_table_holds_are_replayed_too(reusable: bool) -> None:
    made = program_of(in_a_group, Sizes())
    assert played(Program("p", "p", made.build, bytes(32), reusable=reusable)).startswith("A")
