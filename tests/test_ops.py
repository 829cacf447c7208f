from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dmabuf_async import ops
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import EINTR, ENOMEM, Errno, FallibleOp, Op, Settle, settle, told, waits
from dmabuf_async.tasks import Group
from dmabuf_async.thing import Thing
from tests.harness import execute


def subclasses(cls: type[Op]) -> list[type[Op]]:
    return [found for sub in cls.__subclasses__() for found in (sub, *subclasses(sub))]


def idle(machine: Machine, name: str = "a", cpu: int = 0) -> Actor:
    async def work() -> None: ...

    return machine.task(name, work, cpu=cpu)


def test_awaiting_an_op_yields_it_and_returns_what_is_sent() -> None:
    load = Machine().cell("c").load()
    awaited = load.__await__()
    yielded = next(awaited)
    assert yielded is load
    with pytest.raises(StopIteration) as stop:
        _ = awaited.send(7)
    assert stop.value.value == 7


def test_an_op_may_be_awaited_any_number_of_times_by_anybody() -> None:
    def build(machine: Machine) -> Any:
        add = machine.counter("n").add(1)

        async def work() -> None:
            for _ in range(3):
                await add

        machine.task("a", work)
        machine.task("b", work, cpu=1)
        return machine.things["counter n"].state

    assert execute(build).observed == 6


class Fails(FallibleOp):
    kind = "fail"

    def __init__(self, result: Any) -> None:
        self.result = result

    def apply(self, actor: Actor, outcome: int) -> Any:
        return self.result


@pytest.mark.parametrize("errno", [ops.ENOMEM, ops.EINTR, ops.EINVAL, ops.EBUSY, ops.ENOSPC])
def test_an_errno_comes_out_of_a_fallible_op_as_an_error(errno: Errno) -> None:
    awaited = Fails(errno).__await__()
    _ = next(awaited)
    with pytest.raises(KernelError, match=errno.name):
        _ = awaited.send(errno)


def test_another_result_of_a_fallible_op_is_just_returned() -> None:
    awaited = Fails(None).__await__()
    _ = next(awaited)
    with pytest.raises(StopIteration):
        _ = awaited.send(None)


def test_errnos_hash_the_same_in_every_process_and_show_their_name() -> None:
    assert hash(ENOMEM) == 2664384685893
    assert len({hash(errno) for errno in (ops.ENOMEM, ops.EINTR, ops.EINVAL, ops.EBUSY, ops.ENOSPC)}) == 5
    assert repr(EINTR) == "EINTR"


def test_an_op_that_says_nothing_is_enabled_calm_and_touches_nothing() -> None:
    machine = Machine()
    actor = idle(machine)

    class Plain(Op):
        thing = machine.clock

    op = Plain()
    assert op.enabled(actor)
    assert op.outcomes(actor) == ("",)
    assert (op.reads(actor), op.writes(actor), op.blockers(actor)) == ((), (), None)
    assert op.describe() == "op clock"
    op.commit(actor)
    with pytest.raises(NotImplementedError):
        op.apply(actor, 0)


def test_a_footprint_has_the_cpu_and_the_groups_of_the_actor_among_its_reads() -> None:
    machine = Machine()
    actor = idle(machine)
    cell, group = machine.cell("c"), Group()
    assert cell.load().footprint(actor) == (frozenset({cell, machine.cpus[0]}), frozenset())
    actor.group = group
    actor.rescope()
    assert cell.store(1).footprint(actor) == (frozenset({machine.cpus[0], group}), frozenset({cell}))


def test_what_is_written_is_not_listed_as_read() -> None:
    class Both(Op):
        def __init__(self, thing: Thing) -> None:
            self.thing = thing

        def reads(self, actor: Actor) -> tuple[Thing, ...]:
            return (self.thing,)

        writes = reads

    machine = Machine()
    reads, writes = Both(machine.clock).footprint(idle(machine))
    assert writes == {machine.clock}
    assert machine.clock not in reads


def test_two_loads_do_not_conflict_and_a_store_conflicts_with_both() -> None:
    machine = Machine()
    a, b = idle(machine), idle(machine, "b", cpu=1)
    cell, other = machine.cell("c"), machine.cell("d")
    load, store = cell.load(), cell.store(1)
    assert not ops.conflicts(load.footprint(a), load.footprint(b))
    assert ops.conflicts(load.footprint(a), store.footprint(b))
    assert ops.conflicts(store.footprint(a), load.footprint(b))
    assert ops.conflicts(store.footprint(a), store.footprint(b))
    assert not ops.conflicts(store.footprint(a), other.store(1).footprint(b))


ENVIRONMENT = {"Kill", "Evict", "Prefetch", "SpeculativeFill"}
"""What the environment does by itself, and is not waited for."""


def test_every_op_that_ships_has_a_kind_and_says_what_it_needs() -> None:
    known = [cls for cls in subclasses(Op) if cls.__module__.startswith("dmabuf_async")]
    shipped = [cls for cls in known if cls.apply is not Op.apply and not cls.__subclasses__()]
    assert len(shipped) > 25
    for cls in shipped:
        assert cls.kind != "op", cls
        assert not cls.conditional or cls.enabled is not Op.enabled, cls
        assert cls.conditional or cls.enabled is Op.enabled or cls.__name__ in ENVIRONMENT, cls
        assert cls.sleeps <= cls.parks, cls  # else nobody would look
        assert bool(cls.needs & ops.CONDITIONAL) == cls.conditional
        assert bool(cls.needs & ops.STRUCTURAL) == cls.structural
        assert bool(cls.needs & ops.FALLIBLE) == cls.fallible
        assert bool(cls.needs & ops.WAKES) == cls.wakes


def test_settling_is_no_step() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def work() -> None:
            for turn in range(3):
                await settle(turn, f"turn {turn}")
                await cell.load()

        machine.task("a", work)

    ran = execute(build, trace=True)
    assert ran.core.steps == 3
    assert [event.site for event in ran.watch.trace(ran.core).events] == ["turn 0", "turn 1", "turn 2"]
    assert ran.watch.reached == {("a", "turn 0"), ("a", "turn 1"), ("a", "turn 2")}


def test_settle_carries_its_value_and_site() -> None:
    op = settle((1, 2), "here")
    assert isinstance(op, Settle)
    assert (op.value, op.site) == ((1, 2), "here")


VALUES: list[tuple[Any, str]] = [
    (3, "3"),
    (-7, "-7"),
    (True, "True"),
    (0.5, "0.5"),
    ("at 0x7f", "'at 0x7f'"),
    (None, "None"),
    (10**39, "1" + 39 * "0"),
    (10**40, "an integer of 41 digits"),
    (-(10**40), "a negative integer of 41 digits"),
    (10**5000 - 1, "an integer of 5,000 digits"),
    (10**5000, "an integer of 5,001 digits"),
    (-(10**5000), "a negative integer of 5,001 digits"),
    ((1, 10**5000), "(1, an integer of 5,001 digits)"),
    ((1,), "(1,)"),
    ((), "()"),
    (frozenset({"b", "a", "c"}), "frozenset({'a', 'b', 'c'})"),
    (frozenset(), "frozenset()"),
    (frozenset({10**5000}), "frozenset({an integer of 5,001 digits})"),
]


def test_a_value_is_told_as_python_writes_it_but_for_what_is_too_long_or_has_no_order() -> None:
    assert [told(value) for value, _ in VALUES] == [words for _, words in VALUES]


def test_a_value_that_cannot_be_written_is_told_by_its_class() -> None:
    assert told(Dataclass(10**5000)) == "a Dataclass"
    assert told(Dataclass(10**5)) == "Dataclass(value=100000)"


def test_the_address_of_a_value_is_not_told() -> None:
    assert told(object()) == "<object object>"
    assert told(idle) == "<function idle>"


def test_whoever_waits_for_something_does_not_wait_to_wait() -> None:
    assert waits("wait n == 1") == "waits for n == 1"
    assert waits("lock m") == "waits to lock m"


@dataclass(frozen=True)
class Dataclass:
    value: int
