"""The two programs that everything is measured with."""

from __future__ import annotations

from pathlib import Path

from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program

SWAP_OUT = Path(__file__).parents[1] / "scenarios" / "pin" / "swap-out-race-repaired.toml"


def lock_load_store_unlock(machine: Machine) -> None:
    """A: three actors, three rounds of lock, load, store, unlock; every op is made beforehand."""
    mutex, cell = machine.mutex("mutex"), machine.cell("counter", 0)
    lock, unlock, load = mutex.lock(), mutex.unlock(), cell.load()
    stores = [cell.store(value) for value in range(10)]

    async def work() -> None:
        for _ in range(3):
            await lock
            value = await load
            await stores[value + 1]
            await unlock

    for number in range(3):
        machine.task(f"worker{number}", work, cpu=number % 2)


def programs() -> dict[str, Program]:
    """By name: A, and the swap-out scenario in which nothing is found."""
    a = Program(name="A", title="A", build=lock_load_store_unlock, digest=bytes(32), reusable=True)
    return {"A": a, "swap-out": catalogue.load(str(SWAP_OUT))}
