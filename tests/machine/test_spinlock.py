"""Spinlocks: who holds one or spins for it keeps its CPU."""

from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from tests.harness import all_executions, execute, outcomes


def two(machine: Machine, first: Any, second: Any, cpu: int = 1) -> None:
    machine.task("a", first, cpu=0)
    machine.task("b", second, cpu=cpu)


@pytest.mark.parametrize("cpu", [0, 1])
@pytest.mark.parametrize("irq", [False, True])
def test_a_spinlock_gives_mutual_exclusion_and_no_increment_is_lost(cpu: int, irq: bool) -> None:
    def build(machine: Machine) -> Any:
        lock, cell = machine.spinlock("s"), machine.cell("c")

        async def work() -> None:
            await (lock.lock_irqsave() if irq else lock.lock())
            await cell.store(await cell.load() + 1)
            await (lock.unlock_irqrestore() if irq else lock.unlock())

        two(machine, work, work, cpu)
        return lambda: (cell.value, lock.owner, [cpu.atomic for cpu in machine.cpus])

    for ran in all_executions(build):
        assert ran.observed == (2, None, [(), ()])
        assert ran.findings == []


def test_nobody_else_of_the_cpu_runs_under_a_spinlock_and_others_do() -> None:
    def build(cpu: int) -> Any:
        def furnish(machine: Machine) -> Any:
            lock, cell = machine.spinlock("s"), machine.cell("c")
            seen: list[int] = []

            async def hold() -> None:
                await lock.lock()
                seen.append(await cell.load_acquire())
                seen.append(await cell.load_acquire())
                await lock.unlock()

            async def write() -> None:
                await cell.store_release(1)

            two(machine, hold, write, cpu)
            return lambda: tuple(seen)

        return furnish

    assert set(outcomes(build(0))) == {(0, 0), (1, 1)}
    assert set(outcomes(build(1))) == {(0, 0), (0, 1), (1, 1)}


def test_who_spins_keeps_its_cpu() -> None:
    def build(machine: Machine) -> None:
        lock, cell = machine.spinlock("s"), machine.cell("c")

        async def holder() -> None:
            await lock.lock()
            await cell.load()
            await lock.unlock()

        async def look() -> None:
            await cell.load()

        async def spinner() -> None:
            await lock.lock()
            await lock.unlock()

        machine.task("holder", holder, cpu=0)
        machine.task("spinner", spinner, cpu=1)
        machine.task("bystander", look, cpu=1)

    spun = 0
    for ran in all_executions(build, trace=True):
        texts = ran.texts()
        if "spinner: spin for s" in texts:
            spun += 1
            begin, end = texts.index("spinner: spin_lock s"), texts.index("spinner: spin_unlock s")
            assert "bystander: load c" not in texts[begin:end]
    assert spun


def test_to_take_a_spinlock_twice_is_to_spin_for_oneself() -> None:
    def build(machine: Machine) -> None:
        lock = machine.spinlock("s")

        async def work() -> None:
            await lock.lock()
            await lock.lock()

        machine.task("a", work)

    ran = execute(build)
    assert [finding.message for finding in ran.findings] == ["a spins for s, held by itself"]


@pytest.mark.unaudited  # it looks at what the CPU is
def test_a_try_lock_that_fails_leaves_preemption_on() -> None:
    def build(machine: Machine) -> Any:
        lock = machine.spinlock("s")
        got: list[bool] = []
        kept: list[bool] = []

        async def hold() -> None:
            await lock.lock()
            await lock.unlock()

        async def tries() -> None:
            got.append(await lock.try_lock())
            kept.append(machine.cpus[1].owner() is not None)
            if got[-1]:
                await lock.unlock()

        two(machine, hold, tries)
        return lambda: (*got, *kept)

    seen = {execute(build, answers).observed for answers in ([], [0, 1], [1])}
    assert seen == {(True, True), (False, False)}


@pytest.mark.unaudited  # it looks at what the CPU is
def test_interrupts_are_off_while_an_irqsave_lock_is_held_and_restored_to_what_they_were() -> None:
    def build(machine: Machine) -> Any:
        lock, inner, cpu = machine.spinlock("s"), machine.spinlock("t"), machine.cpus[0]
        states: list[bool] = []

        async def work() -> None:
            for op in (
                lock.lock_irqsave(), inner.lock_irqsave(), inner.unlock_irqrestore(), lock.unlock_irqrestore(),
                cpu.local_irq_disable(), lock.lock_irqsave(), lock.unlock_irqrestore(), cpu.local_irq_enable(),
                lock.lock_irqsave(), lock.unlock(), lock.lock(), lock.unlock_irqrestore(),
            ):  # fmt: skip
                await op
                states.append(cpu.irqs_off)

        machine.task("a", work)
        return lambda: states

    ran = execute(build, checkers=())
    nested, disabled, plain = [True, True, True, False], [True, True, True, False], [True, True, True, True]
    assert ran.observed == nested + disabled + plain


@pytest.mark.parametrize("held", [False, True])
def test_an_unlock_by_who_does_not_hold_it_is_marked_and_changes_nothing(held: bool) -> None:
    def build(machine: Machine) -> Any:
        lock = machine.spinlock("s")

        async def hold() -> None:
            if held:
                await lock.lock()

        async def unlock() -> None:
            await lock.unlock()

        two(machine, hold, unlock)
        return lambda: lock.owner and lock.owner.name

    ran = execute(build)
    assert ran.observed == ("a" if held else None)
    assert [finding.message for finding in ran.findings] == [f"b unlocks s, which {'a' if held else 'nobody'} holds"]


def test_ops_say_what_they_do() -> None:
    lock = Machine().spinlock("s")
    ops = (lock.lock(), lock.lock_irqsave(), lock.spin, lock.try_lock(), lock.unlock(), lock.unlock_irqrestore())
    kinds = ("spin_lock", "spin_lock_irqsave", "spin for", "spin_trylock", "spin_unlock", "spin_unlock_irqrestore")
    assert [op.describe() for op in ops] == [f"{kind} s" for kind in kinds]
