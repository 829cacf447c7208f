"""A move of one's own, of a page that two importers write: no write is lost, and still the copy is torn.

Neither of the two writes comes before the other, so either of them may be the one that stays, and word by word the copy
is as good as the page. What it holds as a whole is a state that the page never had: one importer's first word beside
the other's last one (P2).
"""

from __future__ import annotations

from typing import NamedTuple

from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.machine.cells import Counter
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.protocol import rfc2012
from dmabuf_async.scenario.python import scenario


class Shared(NamedTuple):
    """What the three tasks share."""

    buffer: Buffer
    queue: Mutex
    stage: Counter
    """1: the first importer writes; 2: the second one may write."""
    put: Counter
    """How many importers have put the buffer."""


async def first(shared: Shared) -> None:
    """Write, and keep the queue until both importers have put."""
    await rfc2012.get_backing_storage(shared.buffer)
    mapping = await rfc2012.kmap(shared.buffer, 0)
    await shared.stage.add(1)
    await mapping.store(0)
    await shared.queue.lock()
    await rfc2012.kunmap(mapping)
    await rfc2012.put_backing_storage(shared.buffer)
    await shared.put.add(1)
    await shared.put.wait("==", 2)
    await shared.queue.unlock()


async def second(shared: Shared) -> None:
    """Write when it is told to."""
    await shared.stage.wait("==", 2)
    await rfc2012.get_backing_storage(shared.buffer)
    mapping = await rfc2012.kmap(shared.buffer, 0)
    await mapping.store(0)
    await mapping.store(1)
    await rfc2012.kunmap(mapping)
    await rfc2012.put_backing_storage(shared.buffer)
    await shared.put.add(1)


async def mover(shared: Shared, early: int) -> None:
    """Move the page if the queue is in use, as a hot one; ``early`` words are copied while it may be written.

    A trylock that fails orders nothing: what the holder wrote is copied, and does not come before.
    """
    await shared.stage.wait("==", 1)
    if await shared.queue.try_lock():
        await shared.queue.unlock()
        await shared.stage.add(1)
        return
    [page] = shared.buffer.pages
    source = await page.look()
    assert source is not None
    target = await source.zone.alloc(page)
    for word in range(early):
        await page.copy(word, source, target)
    await shared.stage.add(1)
    await shared.put.wait("==", 2)
    for word in range(early, len(page.words)):
        await page.copy(word, source, target)
    assert shared.buffer.lock is not None
    await shared.buffer.lock.lock()
    await page.switch(target)
    await shared.buffer.lock.unlock()
    await source.zone.release(source)


def furnish(machine: Machine, early: int) -> None:
    """A buffer, two importers, and the mover."""
    shared = Shared(machine.buffer("fb"), machine.mutex("queue"), machine.counter("stage"), machine.counter("put"))
    StaticExporter(machine, shared.buffer, "ram")
    machine.task("first", first, shared, cpu=0)
    machine.task("second", second, shared, cpu=1)
    machine.task("mover", mover, shared, early, cpu=1)


@scenario(title="A page is copied while it is written; no write is lost", sizes=Sizes(ram=2), findings=["torn-copy"])
def hot_page(machine: Machine) -> None:
    """The pins were gone at the switch, as V7 wants it, but not when the copy began (P2)."""
    furnish(machine, early=1)


@scenario(title="A page is copied when nobody writes it any more", sizes=Sizes(ram=2))
def hot_page_repaired(machine: Machine) -> None:
    """The copy begins when the pins are gone (P2, V7)."""
    furnish(machine, early=0)
