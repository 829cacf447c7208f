"""What exporters have in common whose buffer can move: who gets and who faults waits for a move, and keeps it off.

A pin count, raised and tested under the buffer's lock (V7); and the fault handler, which tests where a page is and
inserts the PTE in one hold of that lock (P2).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

from dmabuf_async.drivers.faults import UserMaps
from dmabuf_async.drivers.mapping import DEFECTS as MAPPING_DEFECTS
from dmabuf_async.drivers.mapping import KernelMaps
from dmabuf_async.drivers.moving import DEFECTS as MOVING_DEFECTS
from dmabuf_async.drivers.moving import Move, order_of
from dmabuf_async.drivers.sharing import DEFECTS as SHARING_DEFECTS
from dmabuf_async.drivers.sharing import MOVING_DEFECTS as REVOKE_DEFECTS
from dmabuf_async.drivers.sharing import SharesWithDevices
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.references import TakeReference
from dmabuf_async.ops import settle

if TYPE_CHECKING:
    from dmabuf_async.machine.device import Device
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place, Zone
    from dmabuf_async.machine.storage import Buffer, Page
    from dmabuf_async.protocol.mm import Fault

DEFECTS: Final = {
    "returns-before-resident": "get brings in only the first page of the range (V1)",
    "pin-count-after-unlock": "get unlocks first and raises the pin count then (V7)",
    "pins-on-enomem": "a get that fails leaves its pin count raised (V6)",
    "no-unlock-on-enomem": "a get that fails returns with the buffer's lock held (V6)",
    "unlock-twice-on-enomem": "a get that fails unlocks where it fails and where it returns (V6)",
    "unlocked-fault": "the fault handler inserts the PTE without the buffer's lock (P2)",
    "fault-looks-before-lock": "the fault handler looks where the page is before it takes the lock (P2)",
    "fault-ignores-moving": "the fault handler does not look at the flag of a move (P2)",
    "fault-locks-out-of-order": "a fault that retries takes mmap_lock again under the buffer's lock (P7, P8)",
    "retry-keeps-mmap-lock": "a fault that says it will retry has not given mmap_lock back (P8)",
    "plain-request": "the service task clears what it is asked by with a plain store (P7)",
    "kmap-under-lock": "holds the buffer's lock while kmap waits for a slot (V11)",
    "kmap-as-atomic": "makes kmap atomic, so that who holds one must not sleep (V10)",
    "atomic-takes-mutex": "kunmap_atomic takes the buffer's lock (V12)",
    **MOVING_DEFECTS,
    **MAPPING_DEFECTS,
    **SHARING_DEFECTS,
    **REVOKE_DEFECTS,
}


class MovableExporter(KernelMaps, UserMaps, SharesWithDevices):
    """Owns one buffer that moves as a whole.

    ``fault``: what the fault handler does when the buffer is on its way: ``wait``, in the legal order of locks, or
    ``retry``, which gives mmap_lock back first (P8). ``guard``: a move keeps others out by the buffer's
    ``lock``, or by a ``flag`` (P2). ``parallel_copy``: a move copies each page in a child of its own.
    """

    service = ""  # what its service task is called
    fills = False  # whether a page that is nowhere gets a frame when somebody needs it

    def __init__(
        self,
        machine: Machine,
        buffer: Buffer,
        defects: Collection[str] = (),
        *,
        fault: Literal["wait", "retry"] = "wait",
        guard: Literal["lock", "flag"] = "lock",
        parallel_copy: bool = False,
    ) -> None:
        super().__init__(machine, buffer, defects)
        self.retries = fault == "retry"
        self.parallel_copy = parallel_copy
        self.pins = machine.counter(f"{buffer.name}.pin_count")
        self.flag = machine.counter(f"{buffer.name}.moving") if guard == "flag" else None
        self.wanted = machine.cell(f"{buffer.name}.{self.service}", 0)
        self.order = order_of(self.defects, flag=guard == "flag")

    # The lock -------------------------------------------------------------------

    async def enter(self) -> None:
        """Take the buffer's lock when no move is under way."""
        await self.lock.lock()
        held = True
        try:
            while self.flag is not None and await self.flag.load():
                await self.lock.unlock()
                held = False
                await self.flag.wait("==", 0)
                await self.lock.lock()
                held = True
        except BaseException:  # cancelled
            if held:
                await self.lock.unlock()
            raise

    async def try_enter(self) -> bool:
        """The same without waiting; whether it has been taken."""
        if not await self.lock.try_lock():
            return False
        try:
            moving = self.flag is not None and await self.flag.load()
        except BaseException:  # cancelled
            await self.lock.unlock()
            raise
        if moving:
            await self.lock.unlock()
        return not moving

    # Kernel access --------------------------------------------------------------

    async def get_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Wait for a move to end, bring in what CPUs cannot reach, and pin, in one hold of the lock (V7)."""
        defects = self.defects
        await self.enter()
        if "pins-on-enomem" in defects:
            await self.pins.add(1)
        try:
            await self.bring_in(buffer.pages[: first + 1] if "returns-before-resident" in defects else buffer.pages)
            await self.written(range(first, end))
        except KernelError:
            if "no-unlock-on-enomem" not in defects:
                await self.lock.unlock()
            if "unlock-twice-on-enomem" in defects:
                await self.lock.unlock()
            raise
        if "pin-count-after-unlock" in defects:
            await self.lock.unlock()
            await self.pins.add(1)
            return
        if "pins-on-enomem" not in defects:
            await self.pins.add(1)
        await self.lock.unlock()

    async def put_backing_storage(self, buffer: Buffer, first: int, end: int) -> None:
        """Unpin."""
        await self.lock.lock()
        await self.pins.add(-1)
        await self.lock.unlock()

    async def release(self, buffer: Buffer) -> None:
        """Free everything, when neither a move nor reclaim is at it."""
        await self.enter()
        await super().release(buffer)
        await self.lock.unlock()

    # User access ----------------------------------------------------------------

    async def fault(self, fault: Fault) -> str:
        """Bring the page in if need be, and insert the PTE (P2); wait for a move, or have the fault retried (P8)."""
        page, defects = fault.page, self.defects
        if page is None:
            return "sigbus"
        if "unlocked-fault" in defects:
            return await self._insert(fault, page)
        seen = await page.look() if "fault-looks-before-lock" in defects else None
        if "fault-ignores-moving" in defects:
            await self.lock.lock()
        elif not self.retries:
            await self.enter()
        elif not await self.try_enter():
            return await self._retry(fault)
        result = await self._insert(fault, page, seen)
        await self.lock.unlock()
        return result

    async def _insert(self, fault: Fault, page: Page, seen: Place | None = None) -> str:
        """Where the page is goes into the PTE; ``seen``: where it was seen before the lock was taken."""
        try:
            await self.bring_in(self.buffer.pages)
        except KernelError:
            return "sigbus"
        place = seen if seen is not None and seen.zone.visible else await page.look()
        if place is None or not place.zone.visible:
            return "sigbus"
        # Who goes by dirty bits need not be told of the first write.
        await fault.insert(place, writable=fault.write or self.fills)
        return "done"

    async def _retry(self, fault: Fault) -> str:
        """Wait for the move without mmap_lock."""
        if "retry-keeps-mmap-lock" in self.defects:
            await TakeReference(fault.buffer)
        else:
            await fault.drop_mmap_lock()
        await self.enter()
        if "fault-locks-out-of-order" in self.defects:
            await fault.vma.mm.mmap_lock.down_read()
            await self.lock.unlock()
            await fault.vma.mm.mmap_lock.up_read()
        else:
            await self.lock.unlock()
        return "retry"

    # Moves ----------------------------------------------------------------------

    async def move(self, zone: Zone) -> int:
        """Move the whole buffer into ``zone``; how many pages have moved.

        Raises KernelError, and then nothing has moved: EBUSY if it is pinned, ENOMEM, ENOSPC.
        """
        return await Move(self, zone).run(self.order)

    async def evict(self, zone: Zone, order: str) -> bool:
        """Give up memory of ``zone`` for an allocation of somebody else, if that can be done now (P12)."""
        shelter = self.shelter(zone)
        if shelter is None:
            return False
        try:
            return bool(await Move(self, shelter, reclaims=False).run(order))
        except KernelError:
            return False

    def serve(self, cpu: int = 0) -> None:
        """Add the service task, which moves the buffer whenever it is asked to: ``wanted`` numbers the destinations."""
        self.machine.task(f"{self.service}-{self.buffer.name}", self.fulfil, cpu=cpu, daemon=True)

    async def fulfil(self) -> None:
        """The service task."""
        while True:
            await settle("idle", self.service)
            with suppress(KernelError):  # pinned, or no room: it gives up until it is asked again
                await self._fulfil()

    async def _fulfil(self) -> None:
        """One turn; nothing is remembered from one to the next."""
        wish = await self.wanted.wait("!=", 0, idle=True)
        await (self.wanted.store(0) if "plain-request" in self.defects else self.wanted.store_release(0))
        await self.move(self.destinations()[wish - 1])

    def destinations(self) -> tuple[Zone, ...]:
        """Where the service task may be asked to move the buffer."""
        return ()

    def shelter(self, zone: Zone) -> Zone | None:
        """Where reclaim moves what lies in ``zone``; None: nowhere."""
        return None

    async def bring_in(self, pages: tuple[Page, ...]) -> None:
        """Move these pages to where CPUs reach them, under the lock; raises KernelError."""

    # Device access --------------------------------------------------------------

    async def make_resident(self, device: Device) -> None:
        """Bring in what devices do not reach."""
        await self.bring_in(self.buffer.pages)

    async def hold(self) -> None:
        """Pin, for a device."""
        await self.pins.add(1)

    async def unhold(self) -> None:
        """Unpin."""
        await self.pins.add(-1)

    # What the memory of an exporter needs ---------------------------------------

    async def clean_pages(self) -> int:
        """The pages, as a bit set, that have not been written since they were filled with zeros."""
        return 0

    async def written(self, pages: Iterable[int]) -> None:
        """These pages may have been written."""

    async def dirtied(self, pages: Iterable[int]) -> None:
        """A zap found these pages dirty (P5)."""
