"""DPOR against brute force and against published counts."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.textbook import COUNTS
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.errors import KernelError
from dmabuf_async.explore.dpor import Dpor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario.catalogue import load
from dmabuf_async.tasks import Group, UserMode
from tests.brute import brute, program_of
from tests.effort import seeds
from tests.generated import Steps, program
from tests.programs import BufferSpec, Spec, TaskSpec
from tests.reduction import compared, reduced, wrong

pytestmark = pytest.mark.unaudited  # they are many

SEEDS = seeds(120, 40)
"""10,000 take a quarter of an hour of CPU time."""

FEW = [name for name, (_, classes) in COUNTS.items() if classes <= 600]


@pytest.mark.parametrize("first", SEEDS[::20])
def test_generated_programs_are_explored_once_a_class(first: int) -> None:
    explored = 0
    for seed in SEEDS[first : first + 20]:
        every = brute(program(seed), checkers=CHECKERS, limit=300)
        if every is None:
            continue
        explored += 1
        assert not compared(every, reduced(program(seed), checkers=CHECKERS)), seed
        assert not compared(every, reduced(program(seed), checkers=CHECKERS, optimal=False), optimal=False), seed
    assert explored > 5  # the others are too large to be executed in every way


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("optimal", [True, False], ids=["optimal", "source sets"])
def test_a_textbook_program_has_the_published_number_of_classes(name: str, optimal: bool) -> None:
    build, classes = COUNTS[name]
    search = reduced(replace(program_of(build), reusable=True), optimal=optimal)
    assert search.classes == classes
    assert set(search.seen.values()) == {1}
    if optimal:
        assert search.progress.executions == classes


def test_what_a_fault_could_begin_is_explored_without_it_too() -> None:
    """The fault is put first, before all that is yet to be explored and does not depend on it."""

    def build(machine: Machine) -> None:
        counter = machine.counter("x")

        async def process() -> None:
            await UserMode()
            await counter.store(1)

        async def other() -> None:
            await counter.load()

        machine.task("reader", other, user=True)
        machine.task("writer", process, user=True)

    made = program_of(build, Sizes(kills=1))
    every = brute(made)
    assert every is not None
    assert not compared(every, reduced(made))


def test_what_only_a_fault_led_to_is_not_explored_without_it() -> None:
    """Each of the two was once: a class was explored twice in the first, and the second wanted what could not be."""

    def waits(machine: Machine) -> None:
        one, two = machine.counter("one"), machine.counter("two")

        async def process() -> None:
            await UserMode()
            await one.store(2)

        async def other() -> None:
            await two.wait("!=", 1, interruptible=True)
            await two.store(1)

        async def waiter() -> None:
            with contextlib.suppress(KernelError):
                await one.wait("==", 2, interruptible=True)
            await one.store(await one.load())

        machine.task("process", process, user=True)
        machine.task("other", other)
        machine.task("waiter", waiter)

    def groups(machine: Machine) -> None:
        counter = machine.counter("x")

        async def process() -> None:
            await UserMode()

        async def wait(relation: str, value: int) -> None:
            with contextlib.suppress(KernelError):
                await counter.wait(relation, value, interruptible=True)

        async def inner() -> None:
            async with Group() as group:
                await group.spawn(wait, "==", 1)
                await wait("!=", 2)

        async def outer() -> None:
            async with Group() as group:
                await group.spawn(inner)
                await group.cancel()

        machine.task("process", process, user=True)
        machine.task("outer", outer, cpu=1)

    for build, classes in ((waits, 58), (groups, 66)):
        search = reduced(program_of(build, Sizes(kills=1, eintr=1)))
        assert (search.classes, len(search.seen), search.progress.executions) == (classes, classes, classes)


@pytest.mark.parametrize("then", [(), (("raise", "wrong"),), (("store", "x", 1),)], ids=["ends", "fails", "stores"])
def test_whoever_is_cancelled_in_its_sleep_might_have_woken(then: Steps) -> None:
    """The clock is left with nothing to do, so that no step of its own tells that it might have been first."""
    tasks = (TaskSpec((("group", ((("sleep", 1), *then),), True),), tolerant=True), TaskSpec((("sleep", 1),)))
    for some in (tasks[:1], tasks)[: 1 if then else 2]:  # with both there are too many executions of the longer ones
        spec = Spec(some, (), Sizes())
        assert wrong(program_of(spec.furnish), checkers=CHECKERS, limit=3_000) == []


@pytest.mark.parametrize("counts", [False, True])
def test_whoever_is_cancelled_a_second_time_had_been_cancelled_once_already(counts: bool) -> None:
    """First the inner group of the owner is cancelled, and when that was left the outer one."""

    def build(machine: Machine) -> None:
        counter = machine.counter("x")

        async def child(group: Group) -> None:
            if counts:
                await counter.add(1)
            await group.cancel()

        async def owner() -> None:
            async with Group() as outer:
                await outer.spawn(child, outer)
                async with Group() as inner:
                    await inner.spawn(child, inner)

        machine.task("owner", owner)

    made = program_of(build)
    every = brute(made)
    assert every is not None
    assert not compared(every, reduced(made))


def test_whoever_fails_in_a_group_that_was_cancelled_cancels_nobody() -> None:
    """The owner of the inner group is cancelled by the outer one alone, and joins if that comes later."""

    def build(machine: Machine) -> None:
        async def fails() -> None:
            raise ValueError

        async def inner() -> None:
            async with Group() as group:
                await group.spawn(fails)
                await group.spawn(fails)
                await group.cancel()

        async def outer() -> None:
            async with Group() as group:
                await group.spawn(inner)
                await group.cancel()

        machine.task("outer", outer)

    made = program_of(build)
    every = brute(made)
    assert every is not None
    assert not compared(every, reduced(made))


MAPPED = (("kmap_atomic", 0, 0, "p"), ("mstore", "p", 0), ("kunmap", "p"))
LOADS = (("load", "x"),)
WAITS = (("wait", "x", "==", 1, True),)


@pytest.mark.parametrize("tasks", [(MAPPED,), (MAPPED, LOADS), (WAITS, LOADS), (WAITS, WAITS, LOADS)])
@pytest.mark.parametrize("faults", [(1, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1), (2, 0, 0)])
def test_what_the_cache_and_interrupts_do_is_explored_once_a_class(
    tasks: tuple[Steps, ...], faults: tuple[int, int, int]
) -> None:
    evictions, prefetches, eintr = faults
    sizes = Sizes(
        ram=1, swap=1, words=1, coherent=False, evictions=evictions, prefetches=prefetches, eintr=eintr
    )  # fmt: skip
    specs = tuple(TaskSpec(steps, cpu=number % 2) for number, steps in enumerate(tasks))
    spec = Spec(specs, (BufferSpec("static"),), sizes)
    made = replace(program_of(spec.furnish, sizes), reusable=True)
    assert wrong(made, checkers=CHECKERS, limit=1_200) == []


def test_source_sets_lead_to_where_all_is_asleep_and_wakeup_trees_do_not() -> None:
    build, classes = COUNTS["lastzero(5)"]
    assert reduced(build, optimal=False).blocked
    found = reduced(build)
    assert not found.blocked
    assert Counter(found.seen.values()) == {1: classes}


@pytest.mark.unaudited
@pytest.mark.parametrize("name", ["pin/pins-ignored.toml", "kmap/two-importers-repaired.toml", "locks/abba.toml"])
def test_after_each_execution_another_process_could_go_on(name: str) -> None:
    program = load(str(Path(__file__).parents[2] / "scenarios" / name))
    straight = Dpor(program)
    while straight.advance():
        pass
    search, going = Dpor(program), True
    while going:
        again = Dpor(program)
        again.resume(search.checkpoint())
        search = again
        going = search._execute()
    assert search.extent == straight.extent
    assert search.progress.counts == straight.progress.counts
    assert search.progress.reached == straight.progress.reached


def test_a_checkpoint_of_something_else_is_refused() -> None:
    program = load(str(Path(__file__).parents[2] / "scenarios" / "locks" / "abba.toml"))
    for data in (b"", b"nonsense", Dpor(program, max_steps=7).checkpoint(), Dpor(program, optimal=False).checkpoint()):
        with pytest.raises(ValueError, match="it "):
            Dpor(program).resume(data)
