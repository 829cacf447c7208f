from __future__ import annotations

from typing import Any

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.protocol.rfc2012 import get_backing_storage, kmap_atomic, kunmap_atomic, put_backing_storage
from tests.harness import all_executions, execute, machine_for


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
