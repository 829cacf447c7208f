"""The swapping exporter: its buffer may be in memory or in swap, and moves as a whole.

As GEM objects on shmem: get swaps in and pins, eviction swaps the whole object out.
Everything shared lies under the buffer's lock. Its reclaim is a task of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from dmabuf_async.drivers.mapping import KernelMaps
from dmabuf_async.drivers.setup import fill
from dmabuf_async.errors import KernelError
from dmabuf_async.ops import settle

if TYPE_CHECKING:
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place, Zone
    from dmabuf_async.machine.storage import Buffer, Page

DEFECTS: Final = {
    "ignore-pins": "swaps out without looking at the pins (V7)",
    "pin-count-after-unlock": "get unlocks first and raises the pin count then (V7)",
    "evict-test-outside-lock": "eviction tests the pins before it takes the lock, and not again (V7)",
    "switch-after-unlock": "swap-out drops its lock around the switch (V7)",
    "plain-request": "reclaim clears what it is asked by with a plain store (P7)",
    "returns-before-resident": "get swaps in only the first page of the range (V1)",
    "leak-on-enomem": "a get that fails half way keeps the frames that it had allocated (V6)",
    "pins-on-enomem": "a get that fails leaves its pin count raised (V6)",
    "free-before-copy": "swap-out frees the frame first and copies then (V15)",
    "leak-slot": "swap-in does not free the swap slot (V6)",
    "kmap-under-lock": "holds the buffer's lock while kmap waits for a slot (V11)",
    "kmap-as-atomic": "makes kmap atomic, so that who holds one must not sleep (V10)",
    "atomic-takes-mutex": "kunmap_atomic takes the buffer's lock (V12)",
    "no-unlock-on-enomem": "a get that fails returns with the buffer's lock held (V6)",
    "unlock-twice-on-enomem": "a get that fails unlocks where it fails and where it returns (V6)",
    "free-twice-on-enomem": "a get that fails frees its frames where it fails and where it returns (V6)",
}


class SwappingExporter(KernelMaps):
    """Owns one buffer that it swaps out, when asked to, as a whole, unless it is pinned.

    ``zone``: where frames come from, ``ram`` or ``high``. ``resident``: whether the buffer
    starts in memory.
    """

    name = "swapping"

    def __init__(
        self,
        machine: Machine,
        buffer: Buffer,
        zone: str,
        defects: Collection[str] = (),
        *,
        resident: bool = True,
    ) -> None:
        super().__init__(machine, buffer, defects)
        self.zone = machine.zones[zone]
        self.swap = machine.zones["swap"]
        self.pins = machine.counter(f"{buffer.name}.pin_count")
        self.wanted = machine.cell(f"{buffer.name}.reclaim", 0)
        fill(buffer, self.zone if resident else self.swap)

    def serve(self, cpu: int = 0) -> None:
        """Add the reclaim task, which swaps the buffer out whenever it is asked to."""
        self.machine.task(f"reclaim-{self.buffer.name}", self.reclaim, cpu=cpu, daemon=True)

    async def reclaim(self) -> None:
        """The reclaim task."""
        while True:
            await settle("idle", "reclaim")  # it remembers nothing from one turn to the next
            await self.wanted.wait("!=", 0, idle=True)
            await (self.wanted.store(0) if "plain-request" in self.defects else self.wanted.store_release(0))
            with suppress(KernelError):  # pinned, or no slot: reclaim gives up until it is asked again
                await self.swap_out()

    async def get_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Wait for a move to end, swap in what is not there, and pin, in one hold of the lock (V7)."""
        await self.lock.lock()
        if "pins-on-enomem" in self.defects:
            await self.pins.add(1)
        try:
            await self._swap_in(
                buffer.pages[: first + 1] if "returns-before-resident" in self.defects else buffer.pages
            )
        except KernelError:
            if "no-unlock-on-enomem" not in self.defects:
                await self.lock.unlock()
            if "unlock-twice-on-enomem" in self.defects:
                await self.lock.unlock()
            raise
        if "pin-count-after-unlock" in self.defects:
            await self.lock.unlock()
            await self.pins.add(1)
            return
        if "pins-on-enomem" not in self.defects:
            await self.pins.add(1)
        await self.lock.unlock()

    async def put_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Unpin."""
        await self.lock.lock()
        await self.pins.add(-1)
        await self.lock.unlock()

    async def swap_out(self) -> None:
        """Swap the whole buffer out; EBUSY if it is pinned, ENOSPC if swap is full.

        Slots are taken before anything is moved, so that a failure moves nothing.
        """
        if "evict-test-outside-lock" in self.defects:
            if await self.pins.load():
                raise KernelError("EBUSY")
            await self.lock.lock()
        else:
            await self.lock.lock()
            if "ignore-pins" not in self.defects and await self.pins.load():
                await self.lock.unlock()
                raise KernelError("EBUSY")
        try:
            moves = await self._allocate(self.buffer.pages, self.swap)
        except KernelError:
            await self.lock.unlock()
            raise
        for page, frame, slot in moves:
            if "free-before-copy" in self.defects:
                await page.switch(slot)
                await frame.zone.release(frame)
                await self._copy(page, frame, slot)
            else:
                await self._copy(page, frame, slot)
                if "switch-after-unlock" in self.defects:
                    await self.lock.unlock()
                await page.switch(slot)
                if "switch-after-unlock" in self.defects:
                    await self.lock.lock()
                await frame.zone.release(frame)
        await self.lock.unlock()

    async def _swap_in(self, pages: tuple[Page, ...]) -> None:
        for page, slot, frame in await self._allocate(pages, self.zone):
            await self._copy(page, slot, frame)
            await page.switch(frame)
            if "leak-slot" not in self.defects:
                await self.swap.release(slot)

    async def _allocate(self, pages: tuple[Page, ...], zone: Zone) -> list[tuple[Page, Place, Place]]:
        """A new place in ``zone`` for each page that has its content elsewhere: (page, old, new)."""
        moves: list[tuple[Page, Place, Place]] = []
        try:
            for page in pages:
                old = await page.look()
                if old is not None and old.zone.resident != zone.resident:
                    moves.append((page, old, await zone.alloc(page)))
        except KernelError:
            if "leak-on-enomem" not in self.defects:
                for _, _, new in reversed(moves):
                    await zone.release(new)
                    if "free-twice-on-enomem" in self.defects:
                        await zone.release(new)
            raise
        return moves

    async def _copy(self, page: Page, source: Place, target: Place) -> None:
        for word in range(len(page.words)):
            await page.copy(word, source, target)
