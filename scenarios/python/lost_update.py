"""Two tasks count in one cell: the shortest race there is, and a scenario file that is Python.

Each function furnishes a machine: it makes the objects, which all tasks share, and declares the tasks. Whatever an
actor does that another one could see is an op that it awaits, and between two ops anything may happen.
"""

from __future__ import annotations

from dmabuf_async.machine.cells import Cell, Counter
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.python import scenario


async def count(users: Cell, ended: Counter, lock: Mutex | None = None) -> None:
    """Add one to ``users``, in two ops."""
    if lock is not None:
        await lock.lock()
    seen = await users.load()
    await users.store(seen + 1)
    if lock is not None:
        await lock.unlock()
    await ended.add(1)


async def look(users: Cell, ended: Counter) -> None:
    """Wait for both, and look at what they have counted."""
    await ended.wait("==", 2)
    assert await users.load() == 2, "two tasks have counted, and not both of them are there"


@scenario(title="Two tasks count in one cell, and one of them is lost", findings=["assertion"])
def lost_update(machine: Machine) -> None:
    """Both load 0, both store 1: an update is lost, as with any count that is not atomic and has no lock."""
    users, ended = machine.cell("users", 0), machine.counter("ended")
    machine.task("one", count, users, ended, cpu=0)
    machine.task("two", count, users, ended, cpu=1)
    machine.task("judge", look, users, ended)


@scenario(title="Two tasks count in one cell under a lock")
def lost_update_repaired(machine: Machine) -> None:
    """The load and the store lie in one hold of the lock, so that nobody comes in between."""
    users, ended, lock = machine.cell("users", 0), machine.counter("ended"), machine.mutex("lock")
    machine.task("one", count, users, ended, lock, cpu=0)
    machine.task("two", count, users, ended, lock, cpu=1)
    machine.task("judge", look, users, ended)
