from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.kmap import AtomicKmapCall, MapAtomic, UnmapAtomic
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.protocol.rfc2012 import get_backing_storage, kmap_atomic, kunmap_atomic, put_backing_storage
from tests.harness import all_executions, execute, filled, machine_for


def holding(other_cpu: int) -> Any:
    def build(machine: Machine) -> Any:
        buffer = machine.buffer("b")
        StaticExporter(machine, buffer, "ram")
        cell = machine.cell("c")
        seen: list[tuple[int, int]] = []

        async def hold() -> None:
            await get_backing_storage(buffer)
            mapping = await kmap_atomic(buffer, 0)
            first = await cell.load()
            seen.append((first, await cell.load()))
            await kunmap_atomic(mapping)
            await put_backing_storage(buffer)

        async def write() -> None:
            await cell.store(1)

        machine.task("holder", hold)
        machine.task("writer", write, cpu=other_cpu)
        return lambda: seen[0]

    return build


def test_nobody_else_of_the_cpu_runs_in_atomic_context() -> None:
    assert {ran.observed for ran in all_executions(holding(other_cpu=0))} == {(0, 0), (1, 1)}


def test_other_cpus_run_on() -> None:
    assert {ran.observed for ran in all_executions(holding(other_cpu=1))} == {(0, 0), (0, 1), (1, 1)}


def test_a_cpu_belongs_to_who_made_the_latest_atomic_mapping() -> None:
    machine, _ = machine_for(holding(0))
    cpu, (holder, writer) = machine.cpus[0], machine.actors
    assert cpu.owner() is None
    assert not cpu.closed_to(writer)
    ran = execute(holding(0), trace=True)
    assert ran.machine.cpus[0].atomic == ()
    assert ran.texts()[-1] == "writer: store c 1"
    assert holder.cpu is cpu


@pytest.mark.parametrize("waits", [True, False])
def test_a_fault_lets_nobody_run_on_a_cpu_that_another_keeps_atomic(waits: bool) -> None:
    def build(machine: Machine) -> None:
        (buffer, cell) = filled(machine), machine.cell("c", 1)

        async def hold() -> None:
            mapping: Any = await AtomicKmapCall(buffer, 0, atomic=True)
            await MapAtomic(mapping, None)
            await cell.load()
            await UnmapAtomic(mapping)

        async def other() -> None:
            with suppress(KernelError):
                if waits:
                    await cell.wait("==", 1, interruptible=True)
                else:
                    await machine.zones["ram"].alloc(buffer.pages[0])

        machine.task("holder", hold)
        machine.task("other", other)

    for ran in all_executions(build, sizes=Sizes(eintr=1, enomem=1), checkers=(), trace=True):
        kept = ran.texts()
        begin = next(at for at, text in enumerate(kept) if text.endswith("atomic"))
        end = next(at for at, text in enumerate(kept) if "kunmap_atomic" in text)
        assert all(text.startswith("holder") for text in kept[begin:end])


def test_interrupts_that_are_off_keep_everybody_else_off_the_cpu() -> None:
    def build(machine: Machine) -> Any:
        cell, cpu = machine.cell("c"), machine.cpus[0]
        seen: list[tuple[int, int]] = []

        async def hold() -> None:
            await cpu.local_irq_disable()
            first = await cell.load_acquire()
            seen.append((first, await cell.load_acquire()))
            await cpu.local_irq_enable()

        async def write() -> None:
            await cell.store_release(1)

        machine.task("holder", hold)
        machine.task("writer", write)
        return lambda: (seen[0], cpu.atomic, cpu.irqs_off)

    assert {ran.observed for ran in all_executions(build)} == {((0, 0), (), False), ((1, 1), (), False)}


def test_an_ipi_is_answered_in_atomic_context_and_not_while_interrupts_are_off() -> None:
    def build(machine: Machine) -> None:
        lock, cpu = machine.spinlock("s"), machine.cpus[0]

        async def there() -> None:
            await lock.lock()
            await cpu.local_irq_disable()
            await cpu.local_irq_enable()
            await lock.unlock()

        async def sender() -> None:
            await cpu.smp_call_function()

        machine.task("there", there)
        machine.task("sender", sender, cpu=1)

    places = set()
    for ran in all_executions(build, trace=True):
        texts = ran.texts()
        at = texts.index("sender: ipi to cpu0")
        assert texts[at - 1] != "there: local_irq_disable on cpu0"
        places.add(texts[at - 1] if at else "")
        assert ran.codes == []
    assert places == {"", "there: spin_lock s", "there: local_irq_enable on cpu0", "there: spin_unlock s"}


def test_interrupts_that_are_turned_on_twice_are_on() -> None:
    cpu = Machine().cpus[0]
    actor: Any = Machine().task("a", lambda: None)
    for off in (True, True, False, False):
        cpu.turn_irqs(actor, off=off)
        assert cpu.irqs_off is off
        assert cpu.deaf() == ((actor,) if off else ())
