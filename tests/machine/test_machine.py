from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.drivers.setup import fill
from dmabuf_async.engine import inline
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import settle
from dmabuf_async.strategies.base import ChoicePoint, RunInfo
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.tasks import Group
from dmabuf_async.thing import Thing
from tests.harness import all_executions, execute, machine_for
from tests.programs import BufferSpec, Spec, TaskSpec, answers, specs

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def states(machine: Machine, core: Core | None = None) -> dict[str, Any]:
    """Every object with its state, those that came later too."""
    things: dict[str, Thing] = dict(machine.things)
    later: list[Thing] = [*machine.taken.values(), *machine.kmaps.mappings]
    later += [pins for buffer in machine.buffers.values() for pins in buffer.pins.of.values()]
    if core is not None:
        later += [thing for actor in core.actors for thing in (actor, *actor.groups)]
    things |= {f"{thing.KIND} {thing.name}": thing for thing in later}
    return {name: named(thing.state()) for name, thing in things.items() if thing.state() != thing.initial}


def named(state: Any) -> Any:
    if isinstance(state, Thing):
        return f"{state.KIND} {state.name}"
    if isinstance(state, tuple):
        return tuple(named(part) for part in state)
    if isinstance(state, frozenset):
        return frozenset(named(part) for part in state)
    return state if isinstance(state, str | int) or state is None else hash(state)


class Peeking:
    """Before each choice it peeks at every option, then answers modulo; and compares what then happens."""

    def __init__(self, machine: Machine, answers: list[int]) -> None:
        self.machine = machine
        self.answers = answers
        self.peeked = 0
        self.expected: tuple[Any, ...] | None = None

    def start(self, run: RunInfo) -> bool:
        return True

    def choose(self, point: ChoicePoint) -> int:
        machine = self.machine
        answer = self.answers.pop() % point.n if self.answers else 0
        for index, option in enumerate(point.options):
            actor, op = option.actor, option.op
            op.footprint(actor)  # it may make the records of what is owed
            before = states(machine), machine.fingerprint, len(machine.marks), machine.clock.now
            mappings = list(machine.kmaps.mappings)
            outcome = op.outcomes(actor).index(option.outcome)
            peek = machine.peek(actor, op, outcome)
            assert (states(machine), machine.fingerprint, len(machine.marks), machine.clock.now) == before
            assert list(machine.kmaps.mappings) == mappings
            if index == answer:
                self.expected = actor.path, op, named(peek.result), peek.fingerprint
            self.peeked += 1
        return answer


@SLOW
@given(specs(), answers)
def test_peek_tells_what_apply_then_does_and_leaves_no_trace(spec: Spec, answers: list[int]) -> None:
    machine = spec.machine()
    strategy = Peeking(machine, answers)
    watch = Watch(machine, CHECKERS, trace=True)

    def compare() -> None:
        assert watch.steps is not None
        step, expected = watch.steps[-1], strategy.expected
        strategy.expected = None
        if expected is not None:  # it was asked
            assert (step.actor.path, step.op, named(step.result), machine.fingerprint) == expected

    watch.on_step = compare
    inline.execute(machine, strategy, watch=watch, max_steps=60)


def test_peek_of_an_unmap_does_not_unmap() -> None:
    for kmap in ("kmap", "kmap_atomic"):
        steps = (("get", 0, 0, 1), (kmap, 0, 0, "p"), ("kunmap", "p"), ("put", 0, 0, 1))
        spec = Spec((TaskSpec(steps, cpu=0), TaskSpec(steps, cpu=1)), (BufferSpec("static"),))
        machine = spec.machine()
        strategy = Peeking(machine, [0, 1] * 20)
        watch = Watch(machine, CHECKERS)
        inline.execute(machine, strategy, watch=watch)
        assert watch.findings == []
        assert strategy.peeked > 10
        assert machine.kmaps.mappings == {}


# Reset --------------------------------------------------------------------------------


def everything(machine: Machine, seed: int) -> tuple[Any, ...]:
    """All that can be seen of one execution."""
    watch = Watch(machine, CHECKERS, trace=True, footprints=True)
    core = inline.execute(machine, RandomWalk(seed), watch=watch, max_steps=120)
    assert core is not None
    local = {actor.path: actor.local for actor in core.actors}
    return watch.trace(core), core.stopped, core.choices, machine.fingerprint, local, states(machine, core)


@SLOW
@given(specs(), st.integers(0, 99), st.integers(0, 99))
def test_an_execution_after_a_reset_equals_one_on_a_fresh_machine(spec: Spec, first: int, second: int) -> None:
    machine, fresh = spec.machine(), spec.machine()
    everything(machine, first)
    machine.reset()
    assert states(machine) == states(fresh) == {}
    assert machine.fingerprint == 0
    assert machine.clock.now == 0
    assert everything(machine, second) == everything(fresh, second)


def test_after_a_reset_a_leak_is_laid_at_the_same_door() -> None:
    def build(machine: Machine) -> None:
        page = machine.buffer("b").pages[0]
        ram = machine.zones["ram"]
        fill(page.buffer, ram)

        async def forget() -> None:
            await page.switch(None)

        async def move() -> None:
            old = await page.look()
            if old is not None:
                await ram.release(old)
                await page.switch(await ram.alloc(page))

        machine.task("forgets", forget)
        machine.task("moves", move, cpu=1)

    machine, _ = machine_for(build)
    leaks = []
    for choices in ([1, 0, 0, 0], [0]):  # taken anew and then forgotten; forgotten at once
        machine.reset()
        watch = Watch(machine, CHECKERS)
        inline.execute(machine, Replay(choices), watch=watch)
        leaks += [(finding.actor, finding.objects) for finding in watch.findings if finding.code == "frame-leak"]
    assert leaks == [("moves", ("ram#0",)), ("forgets", ("ram#0",))]


# Fingerprints -----------------------------------------------------------------------------


def test_different_interleavings_that_lead_to_one_state_have_one_fingerprint() -> None:
    def build(machine: Machine) -> None:
        x, y = machine.cell("x"), machine.cell("y")

        async def write(cell: Any) -> None:
            await cell.store(1)
            await cell.store(2)

        machine.task("a", write, x)
        machine.task("b", write, y, cpu=1)

    ends = [(ran.machine.fingerprint, tuple(ran.locals().items())) for ran in all_executions(build)]
    assert len(ends) == 6
    assert len(set(ends)) == 1


def test_different_states_have_different_fingerprints() -> None:
    def build(machine: Machine) -> Any:
        x = machine.cell("x")
        mutex = machine.mutex("m")

        async def write(value: int) -> None:
            await x.store(value)
            await mutex.try_lock()

        machine.task("a", write, 1)
        machine.task("b", write, 2, cpu=1)
        return lambda: (x.value, mutex.owner.name if mutex.owner else "")

    ends = {(ran.observed, ran.machine.fingerprint) for ran in all_executions(build)}
    assert len(ends) == len({observed for observed, _ in ends}) == len({fingerprint for _, fingerprint in ends}) == 4


def fingerprints(machine: Machine, **run: Any) -> Iterator[tuple[int, ...]]:
    """The state of the whole execution after each step."""
    seen: list[tuple[int, ...]] = []
    watch = Watch(machine, CHECKERS)
    actors = machine.actors
    watch.on_step = lambda: seen.append((machine.fingerprint, *(actor.local for actor in actors)))
    inline.execute(machine, RandomWalk(0), watch=watch, **run)
    return iter(seen)


def test_a_loop_that_returns_to_the_same_state_has_the_same_fingerprint_though_time_goes_on() -> None:
    def build(machine: Machine) -> None:
        x, mutex = machine.cell("x"), machine.mutex("m")

        async def turn() -> None:
            while True:
                await settle("again")
                await mutex.lock()
                await x.store(1)
                await machine.clock.sleep(3)
                await x.store(0)
                await mutex.unlock()

        machine.task("a", turn)

    machine, _ = machine_for(build)
    seen = list(fingerprints(machine, max_steps=70))
    assert machine.clock.now == 30
    assert len(set(seen)) == 7
    assert seen[:7] == seen[7:14] == seen[63:70]


def test_an_object_that_is_back_where_it_began_counts_for_nothing() -> None:
    def build(machine: Machine) -> None:
        x = machine.cell("x", 7)

        async def there_and_back() -> None:
            await x.store(8)
            await x.store(7)

        machine.task("a", there_and_back)

    machine, _ = machine_for(build)
    seen = [state[0] for state in fingerprints(machine)]
    assert seen[0] != 0
    assert seen[1] == 0


# Makers ----------------------------------------------------------------------------------


def test_two_objects_of_one_kind_may_not_share_a_name() -> None:
    machine = Machine()
    machine.cell("x")
    machine.mutex("x")  # of another kind
    with pytest.raises(ScenarioError, match="two objects of the kind 'cell' that are called 'x'"):
        machine.cell("x")


def test_a_task_stands_on_a_cpu_that_exists() -> None:
    machine = Machine(Sizes(cpus=1))

    async def work() -> None: ...

    with pytest.raises(ScenarioError, match="'work' stands on cpu 1, but the machine has only cpus 0 to 0"):
        machine.task("work", work, cpu=1)
    with pytest.raises(ScenarioError, match="cpu -1"):
        machine.task("work", work, cpu=-1)


def test_a_machine_is_as_large_as_its_sizes_say() -> None:
    machine = Machine(Sizes(cpus=3, ram=5, highmem=2, vram=4, swap=1, kmap_slots=6, words=3))
    assert len(machine.cpus) == 3
    assert {name: len(zone.places) for name, zone in machine.zones.items()} == {
        "ram": 5, "high": 2, "vram": 4, "swap": 1,
    }  # fmt: skip
    assert machine.kmaps.limit == 6
    assert len(machine.buffer("b", 2).pages[1].words) == 3
    names = {thing.name for thing in machine.everything()}
    assert {"cpu2", "ram#4", "high#1", "swap#0", "kmap slots", "b", "b[1]", "b[1].2", "b.pins"} <= names


# Children of groups are no objects of the machine, and leave nothing in it.


def test_children_leave_nothing_behind_in_the_machine() -> None:
    def build(machine: Machine) -> None:
        x = machine.cell("x")

        async def child() -> None:
            await x.load()

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child)

        machine.task("a", parent)

    ran = execute(build)
    names = set(ran.machine.things)
    ran.machine.reset()
    assert set(ran.machine.things) == names
    assert ran.machine.fingerprint == 0
