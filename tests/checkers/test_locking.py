"""Locks given back by others, taken in the wrong order, or not taken at all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dmabuf_async.drivers.swapping import SwappingExporter
from dmabuf_async.machine.machine import Machine
from tests.harness import all_executions, codes, execute


@pytest.mark.parametrize("held", [False, True])
def test_an_unlock_of_what_one_does_not_hold_is_told_with_the_holder(held: bool) -> None:
    def build(machine: Machine) -> None:
        a = machine.mutex("a")

        async def holder() -> None:
            if held:
                await a.lock()

        async def unlocks() -> None:
            await a.unlock()

        machine.task("holder", holder)
        machine.task("work", unlocks)

    [finding] = execute(build).findings
    assert (finding.code, finding.rule) == ("double-unlock", "P7")
    assert finding.message == f"work unlocks a, which {'holder' if held else 'nobody'} holds"


# Atomic context ---------------------------------------------------------------------

SLEEPS: dict[str, Callable[[Machine], Awaitable[Any]]] = {
    "lock other": lambda machine: machine.mutex("other").lock(),
    "down_read tree": lambda machine: machine.rwsem("tree").down_read(),
    "down_write tree": lambda machine: machine.rwsem("tree").down_write(),
    "wait c == 0": lambda machine: machine.cell("c").wait("==", 0),
    "sleep 1": lambda machine: machine.clock.sleep(1),
}
MAY: dict[str, Callable[[Machine], Awaitable[Any]]] = {
    "spinlock": lambda machine: machine.spinlock("t").lock(),
    "trylock": lambda machine: machine.mutex("other").try_lock(),
    "down_read_trylock": lambda machine: machine.rwsem("tree").down_read_trylock(),
    "ipi": lambda machine: machine.cpus[1].smp_call_function(),
    "atomic op": lambda machine: machine.counter("n").add(1),
}


def inside(machine: Machine, call: Callable[[Machine], Awaitable[Any]], *, irqs: bool) -> None:
    lock = machine.spinlock("s")

    async def work() -> None:
        await (machine.cpus[0].local_irq_disable() if irqs else lock.lock())
        await call(machine)
        await (machine.cpus[0].local_irq_enable() if irqs else lock.unlock())

    machine.task("work", work)


@pytest.mark.parametrize("irqs", [False, True])
@pytest.mark.parametrize("said", SLEEPS)
def test_what_may_sleep_is_told_at_the_call_in_atomic_context(said: str, irqs: bool) -> None:
    [finding] = execute(lambda machine: inside(machine, SLEEPS[said], irqs=irqs)).findings
    held = "interrupts of cpu0 off" if irqs else "the spinlock s"
    assert (finding.code, finding.rule, finding.step) == ("sleep-in-atomic", "P7", 1)
    assert finding.message == f"work calls what may sleep ({said}) while it holds {held}"


@pytest.mark.parametrize("irqs", [False, True])
@pytest.mark.parametrize("name", MAY)
def test_what_never_sleeps_may_be_called(name: str, irqs: bool) -> None:
    assert execute(lambda machine: inside(machine, MAY[name], irqs=irqs)).findings == []


# Order --------------------------------------------------------------------------------


def orders(machine: Machine, *pairs: tuple[Any, Any]) -> None:
    """Tasks that take two locks each, one after the other in time."""
    turn = machine.cell("turn")

    async def work(number: int, outer: Any, inner: Any) -> None:
        await turn.wait("==", number)
        await outer.lock()
        await inner.lock()
        await inner.unlock()
        await outer.unlock()
        await turn.store_release(number + 1)

    for number, (outer, inner) in enumerate(pairs):
        machine.task(f"t{number}", work, number, outer, inner, cpu=number % 2)


def test_the_inverse_of_an_edge_is_told_when_the_lock_is_had() -> None:
    def build(machine: Machine) -> None:
        a, b = machine.mutex("a"), machine.mutex("b")
        orders(machine, (a, b), (b, a))

    [finding] = execute(build).findings
    assert (finding.code, finding.rule, finding.actor) == ("lock-order", "P7", "t1")
    assert finding.message == "t1 takes a while it holds b, and t0 took b while it held a"


def test_locks_of_one_class_are_told_apart_by_name_and_others_are_not() -> None:
    def build(machine: Machine, *classes: str | None) -> None:
        a, b, c = (machine.mutex(name, named) for name, named in zip("abc", classes, strict=True))
        orders(machine, (a, b), (b, c), (b, a) if classes[0] == classes[1] else (c, a))

    assert codes(lambda machine: build(machine, "x", "x", "y")) == {"lock-order"}  # a in b, and b in a
    assert codes(lambda machine: build(machine, "x", "y", "x")) == {"lock-order"}  # y in x, and x in y
    assert codes(lambda machine: build(machine, "x", "y", "z")) == set()  # a circle of three: the verdict tells


def test_a_try_lock_adds_no_edge() -> None:
    def build(machine: Machine) -> None:
        a, b = machine.mutex("a"), machine.mutex("b")

        async def one() -> None:
            await a.lock()
            await b.lock()
            await b.unlock()
            await a.unlock()

        async def two() -> None:
            await b.lock()
            if await a.try_lock():
                await a.unlock()
            await b.unlock()

        machine.task("one", one)
        machine.task("two", two, cpu=1)

    assert codes(build) == set()


def test_what_is_held_by_try_lock_is_held() -> None:
    def build(machine: Machine) -> None:
        a, b = machine.mutex("a"), machine.mutex("b")

        async def one() -> None:
            assert await a.try_lock()
            await b.lock()
            await b.unlock()
            await a.unlock()
            await b.lock()
            await a.lock()

        machine.task("one", one, user=True)

    assert execute(build).codes == ["lock-order"]


@pytest.mark.parametrize(("outer", "inner", "wrong"), [
    ("mmap_lock", "dma_resv", False), ("dma_resv", "mmap_lock", True), ("i_mmap_rwsem", "dma_resv", True),
    ("dma_resv", "i_mmap_rwsem", False), ("fence", "mmu_notifier", True), ("mmap_lock", "other", False),
])  # fmt: skip
def test_the_order_of_p7_is_told_at_the_call(outer: str, inner: str, wrong: bool) -> None:
    def build(machine: Machine) -> None:
        orders(machine, (machine.mutex("a", outer), machine.mutex("b", inner)))

    found = execute(build).findings
    assert [(finding.code, finding.step) for finding in found] == ([("lock-order", 2)] if wrong else [])
    if wrong:
        assert found[0].message == f"t0 takes b while it holds a, and {inner} comes before {outer}"


def test_only_who_departs_from_p7_is_told() -> None:
    def build(machine: Machine) -> None:
        a, b = machine.mutex("a", "mmap_lock"), machine.mutex("b", "dma_resv")
        orders(machine, (b, a), (a, b))

    assert {finding.actor for ran in all_executions(build) for finding in ran.findings} == {"t0"}


def test_an_allocation_may_enter_reclaim_and_so_comes_before_i_mmap() -> None:
    def build(machine: Machine) -> None:
        sem, buffer = machine.rwsem("i_mmap_rwsem"), machine.buffer("fb")
        SwappingExporter(machine, buffer, "ram")

        async def work() -> None:
            await sem.down_write()
            await machine.zones["swap"].alloc(buffer.pages[0])

        machine.task("work", work, user=True)

    [first, *_] = execute(build).findings
    assert first.message == (
        "work calls what may enter reclaim (alloc slot for fb[0]) while it holds i_mmap_rwsem, "
        "and reclaim comes before i_mmap_rwsem"
    )


# Missing ------------------------------------------------------------------------------


@pytest.mark.parametrize("locked", [False, True])
def test_a_switch_needs_the_lock_of_the_buffer(locked: bool) -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        exporter, where = SwappingExporter(machine, buffer, "ram"), buffer.pages[0].where

        async def work() -> None:
            if locked:
                await exporter.lock.lock()
            await buffer.pages[0].switch(where)
            if locked:
                await exporter.lock.unlock()

        machine.task("work", work)

    told = [(found.code, found.rule, found.message) for found in execute(build).findings]
    assert told == ([] if locked else [("missing-lock", "V7", "work switches fb[0] and does not hold fb.lock")])


def test_another_call_that_is_marked_names_its_rule() -> None:
    def build(machine: Machine) -> None:
        mutex = machine.mutex("m")

        async def work() -> None:
            machine.marks.add("missing-lock", machine.actors[0], mutex, "links a VMA without i_mmap_rwsem (P9)")
            await mutex.lock()
            await mutex.unlock()

        machine.task("work", work)

    [finding] = execute(build).findings
    assert (finding.rule, finding.message) == ("P9", "work links a VMA without i_mmap_rwsem")
