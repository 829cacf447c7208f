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


@scenario(title="Two tasks count in one cell, and one of them is lost", findings=["data-race"])
def lost_update(machine: Machine) -> None:
    """Both load 0, both store 1: an update is lost. That nothing orders the two is told before anybody looks."""
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


async def count_marked(users: Cell, ended: Counter) -> None:
    """Add one to ``users`` by a load and a store that are each ordered, as READ_ONCE and WRITE_ONCE would be."""
    seen = await users.load_acquire()
    await users.store_release(seen + 1)
    await ended.add(1)


async def count_atomically(users: Cell, ended: Counter) -> None:
    """Add one to ``users`` in one op."""
    await users.add(1)
    await ended.add(1)


@scenario(title="Two tasks count by marked accesses, and one of them is lost", findings=["assertion"])
def marked(machine: Machine) -> None:
    """The marks silence the race, and cure nothing: between the load and the store another may come in."""
    users, ended = machine.cell("users", 0), machine.counter("ended")
    machine.task("one", count_marked, users, ended, cpu=0)
    machine.task("two", count_marked, users, ended, cpu=1)
    machine.task("judge", look, users, ended)


@scenario(title="Two tasks count by atomic ops")
def marked_repaired(machine: Machine) -> None:
    """One op is one op: nobody comes in between."""
    users, ended = machine.cell("users", 0), machine.counter("ended")
    machine.task("one", count_atomically, users, ended, cpu=0)
    machine.task("two", count_atomically, users, ended, cpu=1)
    machine.task("judge", look, users, ended)
