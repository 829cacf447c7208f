"""The move of a buffer from one kind of memory to another: its stages, and the one order of them that is right.

As TTM does it, all in one hold of the buffer's lock, from the test of the pins to the switch (V7), so that no get
pins and no fault maps what is on its way (P2). First the page tables are cleared and the TLBs flushed, then
devices are waited for, then the content is copied, then the storage is switched, and only then others may have the
old places (P1, P5, V14).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from dmabuf_async.drivers.reclaim import allocate
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.cache import Clean, Flush
from dmabuf_async.protocol.coherency import upkeep
from dmabuf_async.protocol.mm import clear_ptes, flush_tlbs, unmap_mapping_range
from dmabuf_async.tasks import Group

if TYPE_CHECKING:
    from dmabuf_async.drivers.movable import MovableExporter
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place, Zone
    from dmabuf_async.machine.storage import Page
    from dmabuf_async.machine.tlb import Ranges

# A line is a whole move, and a word a stage of it: a method of Move. The first of each paragraph is right; those below
# it are defects, by name.
ORDERS: Final = {
    "move":                    "lock test look zap allocate wait copy switch free unlock",
    "ignore-pins":             "lock      look zap allocate wait copy switch free unlock",
    "evict-test-outside-lock": "test lock look zap allocate wait copy switch free unlock",
    "switch-after-unlock":     "lock test look zap allocate wait copy unlock switch free",
    "zap-before-lock":         "look zap lock test look allocate wait copy switch free unlock",
    "no-shootdown":            "lock test look allocate wait copy switch free unlock",
    "zap-after-copy":          "lock test look allocate wait copy zap switch free unlock",
    "zap-after-move":          "lock test look allocate wait copy switch zap free unlock",
    "copy-before-flush":       "lock test look clear allocate wait copy flush switch free unlock",
    "free-before-flush":       "lock test look clear allocate wait copy switch free flush unlock",
    "free-before-copy":        "lock test look zap allocate wait switch free copy unlock",
    "leak-source":             "lock test look zap allocate wait copy switch      unlock",

    # With a flag that gets, faults and other moves wait for, in the place of the lock: the second form of P2.
    "flag":                    "lock test look hoist unlock zap allocate wait copy lock switch free drop unlock",
    "flag-dropped-early":      "lock test look hoist unlock zap allocate wait lock drop unlock copy"
                               " lock switch free unlock",

    # On behalf of an allocation that finds no memory, whose caller holds the lock of another buffer (P12).
    "reclaim":                 "try_lock test look zap allocate wait copy switch free unlock",
    "reclaim-takes-lock":      "lock     test look zap allocate wait copy switch free unlock",
    "reclaim-ignores-pins":    "try_lock      look zap allocate wait copy switch free unlock",

    # To where CPUs reach it, as a part of get or a fault, which hold the lock; nobody can have mapped what is in swap.
    "map-does-not-stall":      "look      zap allocate wait copy switch free",
    "pull-in":                 "look test zap allocate wait copy switch free",
    "swap-in":                 "look allocate copy switch free",
    "leak-slot":               "look allocate copy switch",
}  # fmt: skip

DEFECTS: Final = {
    "ignore-pins": "moves without looking at the pins (V7)",
    "evict-test-outside-lock": "tests the pins before it takes the lock, and not again (V7)",
    "switch-after-unlock": "unlocks when the copy is made, and switches then (V7, P2)",
    "zap-before-lock": "zaps before it takes the lock, so that a fault maps the old frame again (P2)",
    "no-shootdown": "moves what user space has mapped without a zap (V13, P1)",
    "zap-after-copy": "copies first and zaps then (P2)",
    "zap-after-move": "copies and switches first and zaps then (P1, P2)",
    "copy-before-flush": "copies after it has cleared the PTEs and before it flushes the TLBs (P5)",
    "free-before-flush": "frees the old frames before it flushes the TLBs (P1)",
    "free-before-copy": "frees the old place first and copies then (V15)",
    "leak-source": "does not free the old places (V6)",
    "flag-dropped-early": "drops the flag that keeps faults out before it copies and switches (P2)",
    "partial-zap": "zaps the first page only (V13)",
    "zap-takes-mmap-lock": "takes the mmap_lock of processes under the buffer's lock, to zap (P7)",
    "short-copy": "copies all words of a page but the last (P5)",
    "copies-stale-lines": "copies a frame without invalidating it, though user space writes past the cache (P10)",
    "dirty-line-on-free": "does not clean the frames that it copies into, and frees them like that (V8)",
    "leak-on-enomem": "a move that fails half way keeps the places that it had allocated (V6)",
    "free-twice-on-enomem": "a move that fails half way frees the places that it had allocated twice (V6)",
    "reclaim-takes-lock": "an allocation that finds no memory waits for the lock of the buffer to swap out (P12)",
    "reclaim-ignores-pins": "an allocation that finds no memory swaps out a buffer that is pinned (P12)",
}


class Relocation(NamedTuple):
    """One page of a move. ``source``: None if it has no content yet. ``target``: None if its content is not kept."""

    page: Page
    source: Place | None
    target: Place | None


class Move:
    """One move of a buffer, or of some of its pages, into ``zone``; a stage that fails gives the whole of it up.

    ``reclaims``: whether its allocations may swap out other buffers.
    """

    def __init__(
        self, exporter: MovableExporter, zone: Zone, pages: tuple[Page, ...] | None = None, *, reclaims: bool = True
    ) -> None:
        self.exporter = exporter
        self.zone = zone
        self.pages = exporter.buffer.pages if pages is None else pages
        self.reclaims = reclaims
        self.locked = self.flagged = False
        self.found: list[tuple[Page, Place | None]] | None = None
        self.ranges: Ranges = ()
        self.moving: list[Relocation] = []
        self.owed: list[Relocation] = []  # those of which one place is still to be freed
        self.told: list[Attachment] = []  # who let go, and may come back when it is over
        self.moved = 0

    async def run(self, order: str) -> int:
        """Perform the stages of one of :data:`ORDERS`; how many pages have moved.

        Raises KernelError: EBUSY if it is pinned, ENOMEM or ENOSPC. Then, and if it is cancelled, each page has one
        place.
        """
        try:
            for stage in STAGES[order]:
                if self.found != [] or stage is Move.unlock:
                    await stage(self)
        except BaseException:
            await self.abandon()
            raise
        return self.moved

    async def abandon(self) -> None:
        """Each page stays where it is by now, and its other place is freed."""
        defects = self.exporter.defects
        while self.owed and "leak-on-enomem" not in defects:
            page, source, target = self.owed[-1]
            other = source if await page.look() is target else target
            if other is not None:
                await other.zone.release(other)
                if "free-twice-on-enomem" in defects:
                    await other.zone.release(other)
            self.owed.pop()
        await self.readmit()
        if self.flagged:
            if not self.locked:
                await self.lock()
            await self.drop()
        await self.unlock()

    # Stages -------------------------------------------------------------------

    async def lock(self) -> None:
        """Take the buffer's lock."""
        await (self.exporter.lock.lock() if self.flagged else self.exporter.enter())
        self.locked = True

    async def try_lock(self) -> None:
        """The same without waiting: EAGAIN."""
        if not await self.exporter.try_enter():
            raise KernelError("EAGAIN")
        self.locked = True

    async def unlock(self) -> None:
        """Give it back."""
        if self.locked:
            await self.exporter.lock.unlock()
            self.locked = False

    async def hoist(self) -> None:
        """From here on whoever takes the lock gives it back and waits."""
        assert self.exporter.flag is not None
        await self.exporter.flag.add(1)
        self.flagged = True

    async def drop(self) -> None:
        """The move is over for all others."""
        assert self.exporter.flag is not None
        await self.exporter.flag.add(-1)
        self.flagged = False

    async def look(self) -> None:
        """Which pages are not in the zone. If none, the move is over."""
        self.found = []
        for page in self.pages:
            place = await page.look()
            if self.exporter.fills and self.zone.resident if place is None else place.zone is not self.zone:
                self.found.append((page, place))

    async def test(self) -> None:
        """EBUSY if somebody pins the buffer."""
        if await self.exporter.pins.load():
            raise KernelError("EBUSY")

    async def zap(self) -> None:
        """Clear all PTEs and flush all TLBs that lead to the old frames."""
        buffer, defects = self.exporter.buffer, self.exporter.defects
        locks = [mm.mmap_lock for mm in buffer.machine.mms.values()] if "zap-takes-mmap-lock" in defects else []
        for lock in locks:
            await lock.down_write()
        dirty = await unmap_mapping_range(buffer, 0, 1 if "partial-zap" in defects else None)
        for lock in locks:
            await lock.up_write()
        await self.exporter.dirtied(dirty)

    async def clear(self) -> None:
        """The first half of a zap."""
        machine, buffer = self.exporter.machine, self.exporter.buffer
        if machine.mms:
            rwsem = machine.address_space(buffer.name).rwsem
            await rwsem.down_read()
            try:
                dirty, self.ranges = await clear_ptes(buffer)
            finally:
                await rwsem.up_read()
            await self.exporter.dirtied(dirty)

    async def flush(self) -> None:
        """The second half of a zap."""
        await flush_tlbs(self.exporter.machine, self.ranges)

    async def allocate(self) -> None:
        """A new place for each page, except for what swap need not keep: ENOMEM or ENOSPC."""
        exporter, zone = self.exporter, self.zone
        clean = 0 if zone.resident else await exporter.clean_pages()
        for page, source in self.found or ():
            target = None
            if not clean >> page.index & 1:
                target = await (allocate(zone, page, exporter) if self.reclaims else zone.alloc(page))
            self.moving.append(Relocation(page, source, target))
            self.owed.append(self.moving[-1])

    async def wait(self) -> None:
        """Until no device uses it any more (V14)."""
        await self.exporter.revoke(self.told)

    async def copy(self) -> None:
        """The content of all pages; with ``parallel_copy`` each in a child of its own."""
        machine, defects = self.exporter.machine, self.exporter.defects
        if self.exporter.parallel_copy:
            async with Group() as group:
                for relocation in self.moving:
                    await group.spawn(_copy, machine, defects, relocation, name="copy")
        else:
            for relocation in self.moving:
                await _copy(machine, defects, relocation)

    async def switch(self) -> None:
        """From here on the new places are the storage."""
        for page, _, target in self.moving:
            await page.switch(target)
        self.moved = len(self.moving)
        await self.readmit()

    async def readmit(self) -> None:
        """Devices may map it again, as soon as they get the lock."""
        while self.told:
            await self.exporter.readmit(self.told[-1])
            self.told.pop()

    async def free(self) -> None:
        """Others may have the old places."""
        while self.owed:
            source = self.owed[0].source
            if source is not None:
                await source.zone.release(source)
            del self.owed[0]


async def _copy(machine: Machine, defects: frozenset[str], relocation: Relocation) -> None:
    page, source, target = relocation
    if source is None or target is None:
        return  # what is not there is zero, and so is a new frame
    if not machine.sizes.coherent and not {"copies-stale-lines", "dirty-line-on-free"} & defects:
        await upkeep(machine, Flush, source)  # user space has written past what the cache has of it (P10)
    for word in range(len(page.words) - ("short-copy" in defects)):
        await page.copy(word, source, target)
    if "dirty-line-on-free" not in defects:  # nor a device nor who has it next may find one
        await upkeep(machine, Clean, target)


def order_of(defects: frozenset[str], *, flag: bool) -> str:
    """Which of :data:`ORDERS` the moves of an exporter follow."""
    of_reclaim = {"reclaim-takes-lock", "reclaim-ignores-pins"}
    known = [name for name in ORDERS if name in DEFECTS and name in defects and name not in of_reclaim]
    if not flag and "flag-dropped-early" in known:
        known.remove("flag-dropped-early")  # there is none to drop
    return known[0] if known else "flag" if flag else "move"


Stage = Callable[[Move], Awaitable[None]]
STAGES: Final[dict[str, tuple[Stage, ...]]] = {
    name: tuple(getattr(Move, stage) for stage in order.split()) for name, order in ORDERS.items()
}
