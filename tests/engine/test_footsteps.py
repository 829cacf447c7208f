"""What is easily forgotten in DPOR: each of it, left out, loses a class of a small program."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.footsteps import Footsteps
from dmabuf_async.engine.hindsight import Hindsight
from dmabuf_async.errors import KernelError, ReplayDiverged
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import FALLIBLE, STRUCTURAL, Op
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.dpor import Dpor
from dmabuf_async.strategies.races import HappensBefore, Race
from dmabuf_async.tasks import Group, UserMode
from tests.brute import Class, brute, program_of
from tests.reduction import Unwatched, compared, reduced

pytestmark = pytest.mark.unaudited  # they are many

Planted = Callable[[pytest.MonkeyPatch], None]


def never_unlocked(machine: Machine) -> None:
    lock = machine.mutex("m")

    async def take() -> None:
        await lock.lock()

    machine.task("one", take)
    machine.task("two", take)


def in_turn(machine: Machine) -> None:
    lock, cell = machine.mutex("m"), machine.cell("x")

    async def write(value: int) -> None:
        await lock.lock()
        await cell.store(value)
        await lock.unlock()

    machine.task("one", write, 1)
    machine.task("two", write, 2)


def comes_and_goes(machine: Machine) -> None:
    cell = machine.cell("x")

    async def signal() -> None:
        for value in (1, 2, 1):
            await cell.store(value)

    async def wait() -> None:
        await cell.wait("==", 1)

    machine.task("signal", signal)
    machine.task("wait", wait)


def born_late(machine: Machine) -> None:
    cell = machine.cell("x")

    async def child() -> None:
        await cell.store(2)

    async def parent() -> None:
        await cell.store(1)
        async with Group() as group:
            await group.spawn(child)
        await cell.store(3)

    machine.task("parent", parent)


def may_fail(machine: Machine) -> None:
    cell = machine.cell("x")

    async def wait() -> None:
        try:
            await cell.wait("==", 0, interruptible=True)
            await cell.store(1)
        except KernelError:
            await cell.store(2)

    async def other() -> None:
        await cell.load()

    machine.task("wait", wait)
    machine.task("other", other)


def cancelled(machine: Machine) -> None:
    cell = machine.cell("x")

    async def child() -> None:
        await cell.load()
        raise ValueError

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(child)
            await cell.wait("==", 1)

    async def other() -> None:
        await cell.store(1)

    machine.task("parent", parent)
    machine.task("other", other)


def cancelled_and_disabled(machine: Machine) -> None:
    cell, other = machine.cell("x"), machine.cell("y")

    async def child() -> None:
        await other.load()
        await cell.wait("==", 0)

    async def parent() -> None:
        async with Group() as group:
            await group.spawn(child)
            await group.cancel()

    async def store() -> None:
        await cell.store(1)

    machine.task("parent", parent)
    machine.task("store", store)


def two_reasons(machine: Machine) -> None:
    spin, sem = machine.spinlock("s"), machine.rwsem("r")

    async def atomic() -> None:
        await spin.lock()

    async def write() -> None:
        await sem.down_write()

    async def read() -> None:
        await sem.down_read()

    machine.task("atomic", atomic, cpu=0)
    machine.task("write", write, cpu=1)
    machine.task("read", read, cpu=0)


def killed(machine: Machine) -> None:
    counter = machine.counter("x")

    async def process() -> None:
        await UserMode()

    async def other() -> None:
        await counter.load()

    machine.task("other", other, cpu=1)
    machine.task("process", process, user=True)


SIZES: dict[Callable[[Machine], None], Sizes] = {may_fail: Sizes(eintr=1), killed: Sizes(kills=1)}


def small(build: Callable[[Machine], None]) -> Program:
    return program_of(build, SIZES.get(build))


def what_waits(planted: pytest.MonkeyPatch) -> None:
    """1: what is blocked at the end takes part in races."""
    planted.setattr(Footsteps, "_waiting", lambda *_: iter(()))


def acquisitions(planted: pytest.MonkeyPatch) -> None:
    """2, 3: the partner is what came before while the op was enabled, not what enabled it."""

    def racing(
        self: HappensBefore, conflicting: int, own: int, until: int, possible: Any, also: int = 0
    ) -> Iterator[Race]:
        left = conflicting & ~own
        while left:
            first = left.bit_length() - 1
            left &= ~self.pasts[first]
            yield from (Race(first, second, until) for second in possible(1 << first)[0])

    planted.setattr(HappensBefore, "racing", racing)


def births(planted: pytest.MonkeyPatch) -> None:
    """4: what a child does comes after its spawn."""
    planted.setattr(Hindsight, "number", lambda self, actor: self._order.latest.get(actor.path, -1))


def joins(planted: pytest.MonkeyPatch) -> None:
    """4: and before the join."""
    planted.setattr(Footsteps, "_children", lambda *_: 0)


def outcomes(planted: pytest.MonkeyPatch) -> None:
    """5: outcomes are branches."""
    made: Any = Dpor.made

    def calm(self: Dpor, *told: Any) -> bool:
        return bool(made(self, *told[:-1], ()))

    planted.setattr(Dpor, "made", calm)


def unwinds(planted: pytest.MonkeyPatch) -> None:
    """6: whoever is cancelled would have done something else."""
    planted.setattr(Hindsight, "after", lambda *_: None)


def both_reasons(planted: pytest.MonkeyPatch) -> None:
    """An op that is disabled for two reasons must come before both."""
    planted.setattr(HappensBefore, "writing", lambda *_: 0)


def unwound_and_disabled(planted: pytest.MonkeyPatch) -> None:
    """6: and if that was disabled, too, it must come before both."""
    planted.setattr(Footsteps, "_unwound_and_disabled", lambda *_: iter(()))


def late_faults(planted: pytest.MonkeyPatch) -> None:
    """A fault that is possible when all is over comes before something that could have waited."""
    planted.setattr(Dpor, "_postpone", lambda *_: None)


PITFALLS: list[tuple[Callable[[Machine], None], Planted]] = [
    (never_unlocked, what_waits), (in_turn, acquisitions), (comes_and_goes, acquisitions), (born_late, births),
    (born_late, joins), (may_fail, outcomes), (cancelled, unwinds), (two_reasons, both_reasons), (killed, late_faults),
    (cancelled_and_disabled, unwound_and_disabled),
]  # fmt: skip


@pytest.mark.parametrize(("build", "forget"), PITFALLS)
def test_what_is_forgotten_loses_a_class(
    build: Callable[[Machine], None], forget: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = brute(small(build))
    assert every is not None
    assert not compared(every, reduced(small(build)))
    forget(monkeypatch)
    found: set[Class] = set()
    with contextlib.suppress(ReplayDiverged):  # it wants what can't be
        found |= set(reduced(small(build)).seen)
    assert found < set(every.classes)


def test_one_write_wakes_all_who_wait_and_their_order_is_no_matter() -> None:
    """7: nobody stands in a queue, so that no order of enqueuing can be seen."""

    def build(machine: Machine) -> None:
        cell = machine.cell("x")

        async def wait() -> None:
            await cell.wait("==", 1)

        async def wake() -> None:
            await cell.store(1)

        for number in range(4):
            machine.task(f"waiter {number}", wait)
        machine.task("waker", wake)

    assert reduced(build).classes == 1


STEADY = ("lock", "trylock", "unlock", "load", "store", "add", "wait")


def everything(machine: Machine) -> None:
    lock, outer, cell, counter = machine.mutex("m"), machine.mutex("outer"), machine.cell("x"), machine.counter("n")

    async def work() -> None:
        await outer.lock()
        await lock.lock()
        await cell.store(await cell.load() + 1)
        await lock.unlock()
        await outer.unlock()
        if await lock.try_lock():
            await counter.add(1)
            await lock.unlock()
        await counter.wait(">=", 1)

    async def look() -> None:
        while not await cell.load():
            await counter.wait(">=", 1)

    machine.task("one", work)
    machine.task("two", work)
    machine.task("three", look)


def test_a_steady_op_touches_nothing_but_its_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    steady: set[str] = set()
    before: Any = Footsteps.before

    def look(self: Footsteps, actor: Actor, op: Op) -> None:
        if op.steady(actor):
            steady.add(op.kind)
            assert {*op.reads(actor), *op.writes(actor)} == {op.thing}
            assert not op.needs & (STRUCTURAL | FALLIBLE)
        else:
            assert op.kind == "lock"
            assert actor.locks
        before(self, actor, op)
        known = self._objects
        assert all(touched.steady for touched, _ in known.steps[: known.steady])

    monkeypatch.setattr(Footsteps, "before", look)
    reduced(replace(program_of(everything), reusable=True))
    assert steady == set(STEADY)


def adders(machine: Machine) -> None:
    counter = machine.counter("n")

    async def add() -> None:
        await counter.add(1)
        await counter.add(1)

    for name in ("one", "two", "three"):
        machine.task(name, add)


def test_what_is_made_again_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    before: Any = Footsteps.before

    def look(self: Footsteps, actor: Actor, op: Op) -> None:
        nonlocal looked
        looked += 1
        before(self, actor, op)

    monkeypatch.setattr(Footsteps, "before", look)
    search = Unwatched(replace(program_of(adders), reusable=True))
    while search.advance():
        pass
    assert (search.classes, search.progress.steps) == (90, 540)
    assert looked < 540 * 2 / 3


def wrong(machine: Machine) -> None:
    mutex, counter = machine.mutex("m"), machine.counter("n")

    async def misuse() -> None:
        await mutex.unlock()
        await counter.add(1)

    async def add() -> None:
        await counter.add(1)

    machine.task("misuses", misuse)
    for name in ("one", "two"):
        machine.task(name, add)


def test_what_was_found_on_the_way_is_found_where_the_way_is_gone_again() -> None:
    program = replace(program_of(wrong), reusable=True)
    search = reduced(program, checkers=CHECKERS)  # and the same is counted by whoever doesn't look again
    assert [(signature.code, count) for signature, count in search.progress.counts.items()] == [
        ("double-unlock", search.classes)
    ]
