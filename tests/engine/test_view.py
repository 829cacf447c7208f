from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.engine import ENGINES
from dmabuf_async.engine.view import View
from dmabuf_async.engine.watch import Step, Watch
from dmabuf_async.explore.execution import execution, perform
from dmabuf_async.explore.single import single
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import PAGE_SIZE, Sizes
from dmabuf_async.machine.snapshot import ActorView, CopyView, KmapView, SharedView, Snapshot, ZoneView
from dmabuf_async.ops import settle
from dmabuf_async.protocol import rfc2012
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from dmabuf_async.trace.events import Event

Build = Callable[[Machine], object]


class Looking:
    """One execution of a program, with a snapshot after each step."""

    def __init__(
        self, build: Build, *, engine: str = "inline", strategy: Any = None, sizes: Sizes | None = None
    ) -> None:
        self.snapshots: list[Snapshot] = []
        self.unsteady: list[Snapshot] = []
        program = Program("test", "test", build, b"test", sizes or Sizes())
        perform(execution(program, strategy or Calm(), see=self.see), engine, self.pace)
        self.last = self.view.snapshot()

    def see(self, machine: Machine, watch: Watch) -> Callable[[], None]:
        self.watch, self.machine, self.view = watch, machine, View(machine, watch)
        self.before = self.view.snapshot()
        assert not self.view.steady
        return lambda: None

    def pace(self) -> tuple[()]:
        (self.snapshots if self.view.steady else self.unsteady).append(self.view.snapshot())
        assert not self.view.over
        return ()

    def actor(self, name: str, step: int) -> ActorView:
        """An actor after the given step."""
        (found,) = (snapshot for snapshot in self.snapshots if snapshot.step == step)
        return next(actor for actor in found.actors if actor.name == name)


def locks(machine: Machine) -> None:
    first, second = machine.mutex("first"), machine.mutex("second")

    async def take(one: Any, other: Any) -> None:
        await one.lock()
        await other.lock()
        await other.unlock()
        await one.unlock()

    machine.task("forward", take, first, second, cpu=0)
    machine.task("backward", take, second, first, cpu=1)


class Alternate:
    """Whoever did not make the latest step goes on."""

    name = "alternate"

    def start(self, run: object) -> bool:
        return True

    def choose(self, point: Any) -> int:
        return 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_deadlock_can_still_be_seen_when_its_actors_have_been_unwound(engine: str) -> None:
    seen = Looking(locks, engine=engine, strategy=Alternate())
    assert seen.last.stopped == "deadlock"
    assert seen.view.over
    forward, backward = seen.last.actors
    assert forward == ActorView(
        "forward",
        0,
        "blocked",
        "lock second",
        "second, held by backward",
        ("first",),
        stuck=True,
        site=forward.site,
        waits_on="second",
    )
    assert forward.site == "locks.take"
    assert (backward.waits_for, backward.locks) == ("first, held by forward", ("second",))
    assert seen.last.shared == (SharedView("first", "mutex", "forward"), SharedView("second", "mutex", "backward"))
    assert {inspect.getcoroutinestate(actor.coroutine) for actor in seen.machine.actors if actor.coroutine} == {
        inspect.CORO_CLOSED
    }


@pytest.mark.parametrize("engine", ["asyncio", "trio"])
def test_the_same_is_seen_on_every_engine(engine: str) -> None:
    assert Looking(locks, engine=engine, strategy=RandomWalk(5)).snapshots == (
        Looking(locks, strategy=RandomWalk(5)).snapshots
    )


def test_an_actor_stands_before_its_next_op_not_the_one_that_it_has_made() -> None:
    seen = Looking(locks)
    assert [actor.op for actor in seen.before.actors] == []
    assert [seen.actor("forward", step).op for step in range(4)] == [
        "lock first",
        "lock second",
        "unlock second",
        "unlock first",
    ]
    assert seen.actor("forward", 4).state == "ended"
    assert seen.actor("forward", 4).op == ""


def test_an_actor_on_its_way_to_the_next_step_stands_before_nothing_and_the_view_is_not_steady() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def task() -> None:
            await cell.store(1)
            await settle("half way", "step 2")
            await cell.store(2)

        machine.task("t", task)

    seen = Looking(build)
    (between,) = seen.unsteady
    assert (between.step, between.actors[0].op, between.actors[0].state) == (1, "", "ready")
    assert seen.actor("t", 1).op == "store c 2"
    assert seen.actor("t", 1).site.startswith("step 2: ")


def test_whoever_is_not_ready_waits_for_something_and_somebody() -> None:
    def build(machine: Machine) -> None:
        cell, mutex = machine.cell("turn", "nobody's"), machine.mutex("m")
        buffer = machine.buffer("fb", 2)
        StaticExporter(machine, buffer, "high")

        async def mapper() -> None:
            await rfc2012.get_backing_storage(buffer)
            await rfc2012.kmap(buffer, 0)
            await mutex.lock()
            await mutex.lock()

        async def also() -> None:
            await rfc2012.get_backing_storage(buffer, PAGE_SIZE, PAGE_SIZE)
            await rfc2012.kmap(buffer, 1)

        async def child() -> None:
            await cell.wait("==", 1)

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child, name="work")

        async def sleeper() -> None:
            await machine.clock.sleep(4)

        async def idler() -> None:
            await cell.wait("==", 2, idle=True)

        machine.task("mapper", mapper)
        machine.task("also", also)
        machine.task("parent", parent)
        machine.task("sleeper", sleeper, cpu=1)
        machine.task("idler", idler, cpu=1, daemon=True)

    sizes = Sizes(ram=0, highmem=2, kmap_slots=1, swap=1)
    seen = Looking(build, sizes=sizes)
    last = {actor.name: actor for actor in seen.last.actors}
    assert list(last) == ["mapper", "also", "parent", "parent/work.0", "sleeper", "idler"]
    assert last["mapper"].waits_for == "m, held by mapper"
    assert last["also"].waits_for == "a kmap slot, held by mapper"
    assert last["parent"].waits_for == "the end of parent/work.0"
    assert last["parent/work.0"].waits_for == 'turn == 1, it is "nobody\'s"'
    assert (last["idler"].state, last["idler"].waits_for) == ("idle", "")
    assert last["sleeper"].state == "ended"
    assert seen.last.now == 4
    naps = {actor.waits_for for snapshot in seen.snapshots for actor in snapshot.actors if actor.name == "sleeper"}
    assert "time to pass, 4 ticks more" in naps
    assert (last["mapper"].pins, last["mapper"].kmaps) == (("fb",), ("fb[0]",))
    assert last["also"].pins == ("fb[1]",)
    assert seen.last.zones == (
        ZoneView("ram", 0, 0),
        ZoneView("high", 2, 2, ("fb[0]", "fb[1]")),
        ZoneView("vram", 0, 0),
        ZoneView("swap", 0, 1, ("",)),
        ZoneView("kmap slots", 1, 1, ("high#0",)),
    )


def test_pages_tell_where_they_are_who_pins_and_maps_them_and_what_a_move_has_taken() -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb", 3)
        StaticExporter(machine, buffer, "ram")
        page, swap = buffer.pages[0], machine.zones["swap"]

        async def task() -> None:
            await rfc2012.get_backing_storage(buffer, 0, 2 * PAGE_SIZE)
            await rfc2012.kmap_atomic(buffer, 0)
            await rfc2012.kmap_atomic(buffer, 7)
            slot = await swap.alloc(page)
            source = await page.look()
            await page.copy(1, source, slot)
            await page.switch(slot)
            await page.switch(None)
            raise ValueError("enough")

        machine.task("t", task)

    seen = Looking(build)
    *_, moved, gone = [snapshot.buffers[0] for snapshot in seen.snapshots if snapshot.step <= seen.last.step]
    states = {snapshot.buffers[0].pages[0] for snapshot in seen.snapshots}
    first = gone.pages[0]
    assert (first.where, first.resident, first.newest) == ("", False, 0)
    assert first.pins == ("t",)
    assert first.kmaps == (KmapView("t", "ram#0", atomic=True, stale=True),)
    assert first.moves == (CopyView("ram#0", 2), CopyView("swap#0", 1))
    assert (moved.pages[0].where, moved.pages[0].resident, moved.pages[0].newest) == ("swap#0", False, 1)
    assert any(page.where == "ram#0" and page.resident and page.newest == page.words == 2 for page in states)
    assert gone.pages[2].pins == ()
    assert gone.exporter == "static"
    (task,) = seen.last.actors
    assert (task.state, task.failure) == ("ended", "ValueError: enough")
    assert task.pins == ("fb[0..1]",)
    assert task.kmaps == ("fb[0]", "fb[?]")
    assert next(actor for actor in seen.snapshots[-2].actors).atomic


def test_whoever_stands_on_a_cpu_that_is_kept_atomic_waits_for_it() -> None:
    def build(machine: Machine) -> None:
        buffer, cell = machine.buffer("fb"), machine.cell("c")
        StaticExporter(machine, buffer, "ram")

        async def mapper() -> None:
            await rfc2012.get_backing_storage(buffer)
            mapping = await rfc2012.kmap_atomic(buffer, 0)
            await mapping.load(0)
            await rfc2012.kunmap_atomic(mapping)
            await rfc2012.put_backing_storage(buffer)

        async def other() -> None:
            await cell.store(1)

        machine.task("mapper", mapper)
        machine.task("other", other)

    seen = Looking(build)
    waits = {actor.waits_for for snapshot in seen.snapshots for actor in snapshot.actors if actor.name == "other"}
    assert waits == {"", "cpu0, kept atomic by mapper"}


def test_locks_of_every_kind_tell_who_holds_them_and_who_waits() -> None:
    def build(machine: Machine) -> None:
        spin, sem = machine.spinlock("s"), machine.rwsem("r")

        async def reads() -> None:
            await sem.down_read()
            await sem.up_read()

        async def holds() -> None:
            await sem.down_read()
            await spin.lock_irqsave()
            await spin.unlock_irqrestore()
            await sem.up_read()

        async def writes() -> None:
            await spin.lock()
            await spin.unlock()
            await machine.cpus[0].smp_call_function()
            await sem.down_write()
            await sem.up_write()

        machine.task("reads", reads, cpu=0)
        machine.task("holds", holds, cpu=0)
        machine.task("writes", writes, cpu=1)

    seen = [snapshot for seed in range(60) for snapshot in Looking(build, strategy=RandomWalk(seed)).snapshots]
    waits = {(actor.name, actor.waits_for) for snapshot in seen for actor in snapshot.actors}
    assert {
        ("writes", "s, held by holds"), ("holds", "s, held by writes"), ("writes", "r, held by holds"),
        ("writes", "r, held by reads and holds"), ("holds", "r, held by writes"),
        ("writes", "an answer of cpu0, whose interrupts holds keeps off"),
    } <= waits  # fmt: skip
    shared = {(view.name, view.kind, view.value) for snapshot in seen for view in snapshot.shared}
    assert {
        ("s", "spinlock", ""), ("s", "spinlock", "writes"), ("r", "rwsem", "writes"),
        ("r", "rwsem", "holds (reading)"), ("r", "rwsem", "reads, holds (reading)"),
    } <= shared  # fmt: skip
    held = {(actor.name, actor.locks) for snapshot in seen for actor in snapshot.actors}
    assert ("holds", ("s", "r")) in held


@pytest.mark.unaudited
def test_the_latest_events_cost_the_same_however_long_the_execution_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(machine: Machine) -> None:
        counter = machine.counter("c")

        async def task() -> None:
            for _ in range(900):
                await counter.add(1)

        machine.task("t", task)

    told: list[int] = []
    event = Step.event

    def counted(step: Step, number: int) -> Event:
        told.append(number)
        return event(step, number)

    monkeypatch.setattr(Step, "event", counted)
    seen = Looking(build)
    told.clear()
    assert [event.step for event in seen.view.events(3)] == [898, 899, 900]
    assert told == [898, 899, 900]
    assert len(seen.view.events(10_000)) == 900


def test_an_interrupted_execution_has_not_come_to_an_end_of_its_own() -> None:
    views: list[View] = []

    def see(machine: Machine, watch: Watch) -> Callable[[], None]:
        views.append(View(machine, watch))
        return lambda: None

    paces: Iterator[float] = iter([0.0, 0.0, 0.0])

    def pace() -> tuple[float]:
        for seconds in paces:
            return (seconds,)
        raise KeyboardInterrupt

    program = Program("test", "test", locks, b"test")
    shown = perform(single(program, Alternate(), see=see), "inline", pace)
    assert shown.execution.stopped == "interrupted"
    assert not views[0].over


def test_findings_are_seen_as_soon_as_they_are_stated() -> None:
    seen = Looking(locks, strategy=Alternate())
    (finding,) = seen.view.findings()
    assert finding.code == "deadlock"


def test_a_program_without_tasks_has_a_snapshot() -> None:
    seen = Looking(lambda machine: machine.cell("c", 7))
    assert seen.last.actors == ()
    assert seen.last.stopped == "ended"
    assert seen.last.shared == (SharedView("c", "cell", "7"),)
