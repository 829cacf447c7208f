"""An exporter of one's own: in memory from the first get to the last put, in swap in between.

An exporter subclasses nothing. It is a class with one async method for each callback of the protocol
(``dmabuf_async.protocol.rfc2012.Exporter``), and all that its callbacks share lies in cells, counters and locks of the
machine. The importers are the calls that any kernel code makes. ``docs/own-exporter.md`` builds one up from nothing.
"""

from __future__ import annotations

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.cells import Counter
from dmabuf_async.machine.kmap import Map, MapAtomic, Mapping, Unmap, UnmapAtomic
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.memory import Zone
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Buffer, Page
from dmabuf_async.protocol import rfc2012
from dmabuf_async.scenario.python import scenario


class LazyExporter:
    """Takes frames when the first user gets the buffer, and gives them back when the last one puts it."""

    name = "lazy"

    def __init__(self, machine: Machine, buffer: Buffer) -> None:
        self.ram, self.swap = machine.zones["ram"], machine.zones["swap"]
        self.lock = buffer.lock = machine.mutex(f"{buffer.name}.lock")
        self.users = machine.counter(f"{buffer.name}.users")
        buffer.exporter = self

    async def get_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """One hold of the lock from the test to the pin (V7); if it fails, nothing is pinned (V6)."""
        await self.lock.lock()
        try:
            for page in buffer.pages:
                await self.bring(page, self.ram)
            await self.users.add(1)
        finally:
            await self.lock.unlock()

    async def put_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """``add`` returns the new value, so that only one of them sees 0."""
        await self.lock.lock()
        if await self.users.add(-1) == 0:
            await self.evict(buffer)
        await self.lock.unlock()

    async def evict(self, buffer: Buffer) -> None:
        """Nobody looks, but what was written is still the buffer's: it goes to swap, or stays if there is no room."""
        try:
            for page in buffer.pages:
                await self.bring(page, self.swap)
        except KernelError:
            return

    async def bring(self, page: Page, zone: Zone) -> None:
        """Copy the page to a new place, make that its storage, and only then free the old one."""
        old = await page.look()
        if old is not None and old.zone is zone:
            return
        new = await zone.alloc(page)
        if old is None:  # nobody has used it yet: a new frame is full of zeros
            await page.switch(new)
            return
        for word in range(len(page.words)):
            await page.copy(word, old, new)
        await page.switch(new)
        await old.zone.release(old)

    async def kmap(self, mapping: Mapping) -> None:
        """Map the page where it is; it is pinned, and doesn't move."""
        assert mapping.page is not None
        await Map(mapping, await mapping.page.look())

    async def kunmap(self, mapping: Mapping) -> None:
        """Unmap it."""
        await Unmap(mapping)

    async def kmap_atomic(self, mapping: Mapping) -> None:
        """The same, atomic."""
        assert mapping.page is not None
        await MapAtomic(mapping, await mapping.page.look())

    async def kunmap_atomic(self, mapping: Mapping) -> None:
        """Unmap it."""
        await UnmapAtomic(mapping)

    async def release(self, buffer: Buffer) -> None:
        """The last reference has gone, and with it whoever could miss the contents: free every place (V15)."""
        for page in buffer.pages:
            place = await page.look()
            if place is not None:
                await page.switch(None)
                await place.zone.release(place)


class HastyExporter(LazyExporter):
    """Counts, and then looks: two ops, and no lock around them."""

    name = "hasty"

    async def put_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Both of two users may count, and then both of them see 0."""
        await self.users.add(-1)
        if await self.users.load() == 0:
            await self.evict(buffer)


async def importer(buffer: Buffer, pinned: Counter) -> None:
    """Pin, write a word, wait until both have done so, unpin."""
    await rfc2012.get_backing_storage(buffer)
    mapping = await rfc2012.kmap(buffer, 0)
    await mapping.store(0)
    await rfc2012.kunmap(mapping)
    await pinned.add(1)
    await pinned.wait("==", 2)
    await rfc2012.put_backing_storage(buffer)


def furnish(machine: Machine, exporter: type[LazyExporter]) -> None:
    """A buffer without storage, its exporter, and two importers."""
    buffer, pinned = machine.buffer("fb"), machine.counter("pinned")
    exporter(machine, buffer)
    machine.task("one", importer, buffer, pinned, cpu=0)
    machine.task("two", importer, buffer, pinned, cpu=1)


@scenario(
    title="An exporter of one's own evicts a buffer twice",
    sizes=Sizes(ram=2),
    findings=["missing-lock"],
)
def own_exporter(machine: Machine) -> None:
    """Both users put, both see that nobody is left, and both evict: without the lock, to begin with."""
    furnish(machine, HastyExporter)


@scenario(title="An exporter of one's own evicts a buffer once", sizes=Sizes(ram=2))
def own_exporter_repaired(machine: Machine) -> None:
    """The count and the look at it are one op, under the lock that get takes too."""
    furnish(machine, LazyExporter)
