"""Two tasks that are too polite: a livelock, which no single step shows, and which `check` decides on all states.

A task that has come back to where it was says so with `settle`: there loops close, and progress can be decided.
"""

from __future__ import annotations

from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import settle
from dmabuf_async.scenario.python import scenario


async def move(source: Mutex, target: Mutex) -> None:
    """Take both buffers' locks, in no order: whoever misses the second gives the first back and tries again."""
    while True:
        await settle("tries", "tries")
        await source.lock()
        if await target.try_lock():
            break
        await source.unlock()
    await target.unlock()
    await source.unlock()


async def move_after_waiting(source: Mutex, target: Mutex) -> None:
    """The same, but whoever misses a lock waits for it with nothing held, and goes on from there, as ww_mutex does."""
    await settle("tries", "tries")
    first, second = source, target
    await first.lock()
    while not await second.try_lock():
        await first.unlock()
        first, second = second, first
        await first.lock()
    await second.unlock()
    await first.unlock()


@scenario(title="Two moves give way to one another for ever", findings=["livelock"], sometimes=["left reaches tries"])
def polite(machine: Machine) -> None:
    """Each takes its own lock, misses the other's, gives its own back, and all is as it was (P8)."""
    one, two = machine.mutex("one"), machine.mutex("two")
    machine.task("left", move, one, two, cpu=0)
    machine.task("right", move, two, one, cpu=1)


@scenario(title="Two moves give way to one another once", sometimes=["left reaches tries"])
def polite_repaired(machine: Machine) -> None:
    """Whoever misses a lock waits for it, so that one of the two gets both."""
    one, two = machine.mutex("one"), machine.mutex("two")
    machine.task("left", move_after_waiting, one, two, cpu=0)
    machine.task("right", move_after_waiting, two, one, cpu=1)
