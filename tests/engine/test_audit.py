from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.engine import inline, on_anyio
from dmabuf_async.engine.audit import Audit
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import AuditError
from dmabuf_async.explore.execution import execution, perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import Op, settle
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.tasks import Group
from dmabuf_async.thing import Thing
from tests.harness import Build, Ran, execute
from tests.programs import BufferSpec, Spec, TaskSpec, specs


class Move(Op):
    """Moves the value of one cell into another; declares what it is told to."""

    kind = "move"

    def __init__(self, source: Cell, target: Cell, reads: tuple[Thing, ...], writes: tuple[Thing, ...]) -> None:
        self.thing = target
        self.source = source
        self.declared = reads, writes

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.value = self.source.value  # type: ignore[attr-defined]

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.declared[0]

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return self.declared[1]


def moving(reads: str, writes: str) -> Build:
    def build(machine: Machine) -> None:
        x, y = machine.cell("x", 1), machine.cell("y")
        names = {"x": x, "y": y}

        async def move() -> None:
            await Move(x, y, tuple(names[name] for name in reads), tuple(names[name] for name in writes))

        machine.task("mover", move)

    return build


def told(error: pytest.ExceptionInfo[AuditError]) -> str:
    return str(error.value)


# Ops -------------------------------------------------------------------------------


def test_an_op_that_touches_what_it_declares_passes() -> None:
    assert execute(moving("x", "y")).stopped == "ended"


def test_what_is_written_may_be_read_too() -> None:
    assert execute(moving("", "xy")).stopped == "ended"


def test_a_read_that_is_not_declared_is_told() -> None:
    with pytest.raises(AuditError, match=r"'move' \(Move\) of mover, .*reads x\.value when it is performed.*in reads"):
        execute(moving("", "y"))


def test_a_write_that_is_not_declared_is_told() -> None:
    with pytest.raises(AuditError, match=r"writes y\.value when it is performed.*in writes"):
        execute(moving("x", ""))


def test_a_write_that_is_declared_as_a_read_is_told() -> None:
    with pytest.raises(AuditError, match=r"writes y\.value"):
        execute(moving("xy", ""))


@pytest.mark.unaudited
def test_without_an_audit_nothing_is_told() -> None:
    assert execute(moving("", "")).stopped == "ended"


class Look(Op):
    """Asks about a cell that it doesn't declare, in the way it is told to."""

    kind = "look"

    def __init__(self, cell: Cell, how: str) -> None:
        self.thing = cell
        self.how = how

    def enabled(self, actor: Actor) -> bool:
        return self.how != "enabled" or self.thing.value == 0  # type: ignore[attr-defined]

    def outcomes(self, actor: Actor) -> tuple[str, ...]:
        return ("", "EIO") if self.how == "outcomes" and self.thing.value else ("",)  # type: ignore[attr-defined]

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,) if self.how == "writes" and self.thing.value else ()  # type: ignore[attr-defined]

    def apply(self, actor: Actor, outcome: int) -> None:
        return None


@pytest.mark.parametrize("how", ["enabled", "outcomes", "writes"])
def test_what_decides_about_an_op_belongs_to_its_footprint(how: str) -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("x")

        async def look() -> None:
            await Look(cell, how)

        machine.task("looker", look)

    with pytest.raises(AuditError, match=r"'look' .* reads x\.value when it is asked"):
        execute(build)


def test_an_op_that_is_only_pending_is_asked_too() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("x")

        async def look() -> None:
            await Look(cell, "enabled")

        async def work() -> None:
            for _ in range(3):
                await cell.load()

        machine.task("worker", work)
        machine.task("looker", look)

    steps = iter([0, 0])  # the worker goes first: the looker only stands there
    with pytest.raises(AuditError, match="of looker"):
        execute(build, list(steps))


# Checkers -----------------------------------------------------------------------------


class Nosy(Checker):
    """Judges a move by a cell that is no part of it."""

    codes = ("nosy",)
    ops = (Move,)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        other: Any = machine.things["cell y" if op.thing.name == "x" else "cell x"]
        return Found("nosy", "", "", actor) if other.value else None


class Meddling(Checker):
    """Changes what it judges."""

    codes = ("meddling",)
    ops = (Move,)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        op.source.value = 7
        return None


def test_a_checker_that_looks_elsewhere_is_told() -> None:
    def build(machine: Machine) -> None:
        x = machine.cell("x", 1)
        machine.cell("y")

        async def move() -> None:
            await Move(x, x, (), (x,))

        machine.task("mover", move)

    with pytest.raises(AuditError, match=r"or a checker that judges it, reads y\.value"):
        execute(build, checkers=[Nosy()])
    assert execute(moving("x", "y"), checkers=[Nosy()]).codes == ["nosy"]  # there, it may


def test_a_checker_that_changes_something_is_told() -> None:
    with pytest.raises(AuditError, match=r"a checker that judges it, writes x\.value"):
        execute(moving("x", "y"), checkers=[Meddling()])


# Actors -------------------------------------------------------------------------------


def test_an_actor_that_writes_a_cell_directly_is_told() -> None:
    def build(machine: Machine) -> None:
        x = machine.cell("x")

        async def cheat() -> None:
            await x.load()
            x.value = 1
            await x.load()

        machine.task("cheat", cheat)

    with pytest.raises(AuditError, match=r"cheat writes x\.value directly: .*await an op that writes it"):
        execute(build)


def test_an_actor_that_reads_a_cell_directly_is_told_even_before_its_first_op() -> None:
    def build(machine: Machine) -> None:
        x = machine.cell("x")

        async def cheat() -> None:
            if x.value == 0:
                await x.load()

        machine.task("cheat", cheat)

    with pytest.raises(AuditError, match=r"cheat reads x\.value directly"):
        execute(build)


def test_what_a_function_called_by_an_actor_does_is_the_actors_doing() -> None:
    def build(machine: Machine) -> None:
        mutex = machine.mutex("m")

        def helper() -> bool:
            return mutex.owner is None

        async def cheat() -> None:
            await mutex.lock()
            helper()
            await mutex.unlock()

        machine.task("cheat", cheat)

    with pytest.raises(AuditError, match=r"cheat reads m\.owner directly"):
        execute(build)


def test_an_actor_cannot_hide_by_swallowing_the_error_after_its_last_op() -> None:
    def build(machine: Machine) -> None:
        x = machine.cell("x")

        async def cheat() -> None:
            await x.load()
            with suppress(AuditError):
                x.value = 1

        machine.task("cheat", cheat)

    with pytest.raises(AuditError, match=r"cheat writes x\.value directly"):
        execute(build)


@pytest.mark.parametrize("engine", ["asyncio", "trio"])
def test_hosted_actors_are_audited_too(engine: str) -> None:
    def build(machine: Machine) -> None:
        x = machine.cell("x")

        async def cheat() -> None:
            await x.load()
            x.value = 1
            await x.load()

        machine.task("cheat", cheat)

    with pytest.raises(AuditError, match=r"cheat writes x\.value directly"):
        perform(execution(from_function(build), RandomWalk(0)), engine)


@pytest.mark.parametrize("engine", ["asyncio", "trio"])
def test_whoever_looks_at_a_machine_from_a_coroutine_of_the_loop_is_no_actor(engine: str) -> None:
    machine = Machine()
    x = machine.cell("x")

    async def write() -> None:
        await x.store(3)

    machine.task("writer", write)
    machine.seal()

    async def outside() -> int:
        await on_anyio.execute(machine, RandomWalk(0), watch=Watch(machine))
        assert isinstance(x.value, int)
        return x.value

    assert on_anyio.run(engine, outside) == 3


# Settled values ---------------------------------------------------------------------------


def forgetful(remembers: bool) -> Build:
    """Settles at each turn; a run is told by what another task had stored by then."""

    def build(machine: Machine) -> None:
        x, y = machine.cell("x"), machine.cell("y")

        async def work() -> None:
            seen = await x.load()
            await settle(("seen", seen) if remembers else "seen")
            await y.store(seen)

        async def write() -> None:
            await x.store(1)

        machine.task("worker", work)
        machine.task("writer", write, cpu=1)

    return build


def every(build: Build) -> list[Ran]:
    audit = Audit()
    return [execute(build, answers, audit=audit) for answers in ([0, 0], [1])]


def test_a_settled_value_that_forgets_a_local_is_told() -> None:
    said = r"worker settled twice with 'seen', but the local 'seen' of .*work was 0 and then 1: a settled value must"
    with pytest.raises(AuditError, match=said):
        every(forgetful(remembers=False))


def test_a_settled_value_that_tells_all_passes() -> None:
    every(forgetful(remembers=True))


def settle_with(*values: Any) -> None:
    """Executions of one program, each of which settles with the same value and another local."""
    audit = Audit()

    async def work(local: Any) -> None:
        await settle("here")

    for value in values:
        settle_again(work, value, audit)


class Box:
    """What a driver keeps things in."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def method(self) -> None: ...


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (1, 2, "1 and then 2"),
        (1, True, "1 and then True"),
        (1, 1.0, "1 and then 1.0"),
        ("a", b"a", "'a' and then b'a'"),
        ([1], [2], "[1] and then [2]"),
        ([1], (1,), "[1] and then (1)"),
        ({1, 2}, {1, 3}, "{1, 2} and then {1, 3}"),
        ({"a": 1}, {"a": 2}, "{'a': 1} and then {'a': 2}"),
        # Who iterates sees the order.
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, "{'a': 1, 'b': 2} and then {'b': 2, 'a': 1}"),
        (print, len, "print and then len"),
        (int, str, "int and then str"),
        (None, object(), "None and then a builtins.object"),
    ],
)
def test_locals_that_differ_are_told(first: Any, second: Any, said: str) -> None:
    settle_with(first, first)
    with pytest.raises(AuditError, match=f"the local 'local' of .*work was {re.escape(said)}: a settled"):
        settle_with(first, second)


def test_things_are_told_apart_by_name_and_functions_by_what_they_are_called() -> None:
    machine = Machine()
    x, y = machine.cell("x"), machine.cell("y")
    settle_with(x, Machine().cell("x"))
    settle_with(lambda: 1, lambda: 1)
    with pytest.raises(AuditError, match="was x and then y"):
        settle_with(x, y)
    with pytest.raises(AuditError, match="was told and then every"):
        settle_with(told, every)


def test_what_an_object_keeps_counts_and_the_attribute_is_named() -> None:
    settle_with(Box([1]), Box([1]))
    settle_with(Box(Machine()), Box(Machine()))  # its state is in the fingerprint
    with pytest.raises(AuditError, match=r"the local 'local\.content' of .* was \[1\] and then \[2\]"):
        settle_with(Box([1]), Box([2]))
    with pytest.raises(AuditError, match=r"the local 'local\.content\.content' of .* was 1 and then 2"):
        settle_with(Box(Box(1)), Box(Box(2)))
    other = Box(1)
    other.more = 2  # type: ignore[attr-defined]
    with pytest.raises(AuditError, match=r"the local 'local' of .* was a .*\.Box and then a .*\.Box"):
        settle_with(Box(1), other)
    settle_with(Box(1).method, Box(1).method)
    with pytest.raises(AuditError, match="was a method and then a method"):
        settle_with(Box(1).method, Box(2).method)


def test_a_local_that_contains_itself_is_compared_too() -> None:
    def loop(value: int) -> list[Any]:
        items: list[Any] = [value]
        items.append(items)
        return items

    settle_with(loop(1), loop(1))
    with pytest.raises(AuditError, match=r"was \[1, a cycle\] and then \[2, a cycle\]"):
        settle_with(loop(1), loop(2))


def test_a_settled_value_must_tell_where_the_actor_stands() -> None:
    def build(machine: Machine) -> None:
        x = machine.cell("x")

        async def work() -> None:
            await settle("here")
            await x.load()
            await settle("here")

        machine.task("worker", work)

    with pytest.raises(AuditError, match=r"it stood in .*work \(\d+\) and then in .*work \(\d+\)"):
        execute(build)


def test_a_local_that_is_there_only_once_is_told() -> None:
    audit = Audit()
    turns = iter([False, True])

    async def work(local: int) -> None:
        if next(turns):
            more = 1
            del local
            local = more
        await settle("here")
        assert local

    settle_again(work, 1, audit)
    with pytest.raises(AuditError, match=r"the local 'more' of .*work was there only once"):
        settle_again(work, 1, audit)


def settle_again(work: Any, local: Any, audit: Audit) -> None:
    execute(lambda machine: machine.task("worker", work, local), audit=audit)


class Bare:
    """Awaits a settling without a frame of its own."""

    def __await__(self) -> Iterator[Any]:
        return iter([settle("here")])


async def deeper() -> None:
    await settle("here")


def test_other_functions_below_are_told() -> None:
    audit = Audit()
    turns: Iterator[Any] = iter([Bare(), deeper()])

    async def work() -> None:
        await next(turns)

    execute(lambda machine: machine.task("worker", work), audit=audit)
    with pytest.raises(AuditError, match="it stood in 1 functions and then in 3"):
        execute(lambda machine: machine.task("worker", work), audit=audit)


def test_two_actors_may_settle_with_one_value() -> None:
    async def work(local: int) -> None:
        await settle("here")

    def build(machine: Machine) -> None:
        machine.task("a", work, 1)
        machine.task("b", work, 2)

    execute(build)


def test_frames_are_compared_across_the_executions_of_a_campaign() -> None:
    program = from_function(forgetful(remembers=False))
    with pytest.raises(AuditError, match="settled twice"):
        perform(fuzz(program, RandomWalk(0), executions=50))


# What is audited --------------------------------------------------------------------------


def test_children_groups_mappings_and_pins_are_adopted_when_they_turn_up() -> None:
    seen: list[Any] = []

    def build(machine: Machine) -> None:
        spec = Spec((), (BufferSpec(exporter="static"),))
        spec.furnish(machine)
        buffer = machine.buffers["b0"]

        async def child() -> None:
            await machine.things["cell x"].load()  # type: ignore[attr-defined]
            mapping = await buffer_map(buffer)
            seen.append(mapping)
            await mapping.load(0)

        async def work() -> None:
            async with Group() as group:
                seen.append(group)
                seen.append(await group.spawn(child))

        machine.task("worker", work)

    execute(build)
    assert [getattr(type(thing), "AUDITED", False) for thing in seen] == [True, True, True]


async def buffer_map(buffer: Any) -> Any:
    from dmabuf_async.protocol import rfc2012

    await rfc2012.get_backing_storage(buffer)
    return await rfc2012.kmap(buffer, 0)


def test_an_audited_thing_saves_and_restores_its_state_without_being_seen() -> None:
    machine = Machine()
    x, place = machine.cell("x", 1), machine.zones["ram"].places[0]
    machine.seal()
    Audit().adopt(machine)
    for thing, other in ((x, 2), (place, (None, 3, None))):
        state = thing.state()
        thing.restore(other)
        assert thing.state() == other
        thing.restore(state)
        assert thing.state() == state


def test_the_clock_and_faults_that_interrupt_are_audited_and_pass() -> None:
    task = TaskSpec((("wait", "x", "==", 1, True), ("sleep", 1), ("user",)), user=True, tolerant=True)
    spec = Spec((task, task), sizes=Sizes(eintr=1, kills=1))
    for seed in range(50):
        execute(spec.furnish, RandomWalk(seed), sizes=spec.sizes)


SIZES = Sizes(ram=4, highmem=4, swap=5, kmap_slots=2, enomem=1, eintr=1, kills=1)
USE = (
    ("take", 0), ("get", 0, 0, 1), ("kmap", 0, 0, "p"), ("mstore", "p", 0), ("mload", "p", 1), ("kunmap", "p"),
    ("put", 0, 0, 1), ("get", 0, 0, 1), ("kmap_atomic", 0, 0, "p"), ("kmap_atomic", 0, 1, "q"), ("copy", "p", "q"),
    ("kunmap", "q"), ("kunmap", "p"), ("put", 0, 0, 1), ("drop", 0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("driver", "defect"), [(driver, defect) for driver in DEFECTS for defect in ("", *DEFECTS[driver])]
)
def test_every_driver_with_every_defect_keeps_what_its_ops_declare(driver: str, defect: str) -> None:
    mistakes = (defect,) if defect else ()
    for zone in ("ram", "high"):
        exporter = driver if driver != "cpu" else "swapping"
        buffer = BufferSpec(exporter, zone, 2, mistakes if driver != "cpu" else (), resident=zone == "ram")
        mine = mistakes if driver == "cpu" else ()
        tasks = (
            TaskSpec(USE, cpu=0, defects=mine),
            TaskSpec((("swap_out", 0), ("reclaim", 0), ("sleep", 2), *USE), cpu=1, user=True, defects=mine),
        )
        spec = Spec(tasks, (buffer,), SIZES)
        for seed in range(4):
            machine = spec.machine()
            inline.execute(machine, RandomWalk(seed), watch=Watch(machine, CHECKERS), max_steps=400)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs(), st.integers(0, 1000))
def test_random_programs_keep_what_their_ops_declare(spec: Spec, seed: int) -> None:
    machine = spec.machine()
    inline.execute(machine, RandomWalk(seed), watch=Watch(machine, CHECKERS), max_steps=400)


def test_the_message_is_one_paragraph() -> None:
    with pytest.raises(AuditError) as error:
        execute(moving("", "y"))
    assert re.fullmatch(r"[^\n]+: exhaustive search would miss orders", told(error))
