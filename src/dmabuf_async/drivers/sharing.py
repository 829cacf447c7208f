"""Sharing a buffer with devices: what all exporters have in common, and the revoke of V14.

Attachments, mappings and moves lie under the buffer's lock. A mapping that cannot be revoked pins. One that can be
does not, and is unmapped without the lock, since a move holds it while it waits for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dmabuf_async.errors import KernelError
from dmabuf_async.machine.attachment import Unlink, WaitGone
from dmabuf_async.machine.revoke import Noticed, WaitAnswer, WaitReadmitted
from dmabuf_async.protocol.attachment import notify, readmit
from dmabuf_async.protocol.coherency import BIDIRECTIONAL, FROM_DEVICE, TO_DEVICE, sync_for_cpu, sync_for_device

if TYPE_CHECKING:
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.device import Device
    from dmabuf_async.machine.locks import Mutex
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.storage import Buffer

DEFECTS: Final = {
    "no-sync-for-device": "map_dma_buf leaves in the cache what the device is to see (V8)",
    "no-sync-for-cpu": "unmap_dma_buf does not invalidate again what was prefetched (V8)",
    "swap-directions": "takes to_device for from_device, and the other way round, when it sees to the cache (V8)",
    "unmap-keeps-iopte": "unmap_dma_buf forgets to clear the IOPTEs (V0)",
}
"""Of every exporter."""

MOVING_DEFECTS: Final = {
    "map-without-lock": "map_dma_buf looks where the pages are without the buffer's lock (V0)",
    "map-does-not-pin": "a mapping that cannot be revoked does not raise the pin count (V7)",
    "no-revoke": "moves without telling the devices that have it mapped (V14)",
    "revoke-first-only": "tells only the importer that attached first to let go (V14)",
    "revoke-does-not-wait": "tells importers to let go, and moves without waiting for them (V14)",
    "revoke-waits-for-stop-only": "waits for the answers to a revoke, and not until the mappings are gone (V14)",
    "revoke-waits-for-unmap-only": "waits until the mappings are gone, and not for the answers to the revoke (V14)",
    "map-during-revoke": "drops its lock while it waits for importers, and lets them map meanwhile (V14)",
    "attach-during-revoke-missed": "drops its lock while it waits, and refuses only those whom it has told (V14)",
}
"""Of every exporter that moves its buffer."""


class SharesWithDevices:
    """The callbacks for device access, and the revoke. An exporter that moves its buffer fills in the first three."""

    machine: Machine
    buffer: Buffer
    lock: Mutex
    defects: frozenset[str]

    async def enter(self) -> None:
        """Take the buffer's lock when no move is under way."""
        await self.lock.lock()

    async def make_resident(self, device: Device) -> None:
        """Bring the buffer where ``device`` reaches it, under the lock; raises KernelError."""

    async def hold(self) -> None:
        """From here on it must not move, under the lock."""

    async def unhold(self) -> None:
        """Undo one :meth:`hold`, under the lock."""

    async def attach(self, device: Device) -> Attachment:
        """Link a new attachment."""
        await self.enter()
        attachment: Attachment = await self.buffer.attached.link(device)
        await self.lock.unlock()
        return attachment

    async def detach(self, attachment: Attachment) -> None:
        """Unlink it."""
        await self.lock.lock()
        await Unlink(attachment)
        await self.lock.unlock()

    async def map_dma_buf(self, attachment: Attachment, direction: str) -> None:
        """Map it where it is; waits until a move is over (V0, V14)."""
        if "map-without-lock" in self.defects:
            await attachment.establish(direction)
            await self._leave_cpus(direction)
            return
        await self.enter()
        if "attach-during-revoke-missed" in self.defects:
            while await Noticed(attachment):
                await self.lock.unlock()
                await WaitReadmitted(attachment)
                await self.enter()
        try:
            await self.make_resident(attachment.device)
        except KernelError:
            await self.lock.unlock()
            raise
        if not attachment.device.revocable and "map-does-not-pin" not in self.defects:
            await self.hold()
        await attachment.establish(direction)
        await self._leave_cpus(direction)
        await self.lock.unlock()

    async def unmap_dma_buf(self, attachment: Attachment, direction: str | None) -> None:
        """Unmap it. Without the lock, if it can be revoked: a move that waits for this holds it."""
        if "unmap-keeps-iopte" not in self.defects:
            await attachment.clear()
        await attachment.device.driver.flush(attachment)
        if direction is not None:
            await self._enter_cpus(direction)
        if not attachment.device.revocable and "map-does-not-pin" not in self.defects:
            await self.lock.lock()
            await self.unhold()
            await self.lock.unlock()

    # The cache ----------------------------------------------------------------------

    async def _leave_cpus(self, direction: str) -> None:
        """What CPUs wrote becomes visible to the device (PROTOCOL 4, Caches)."""
        if not self.machine.sizes.coherent and "no-sync-for-device" not in self.defects:
            await sync_for_device(self.machine, await self._places(), self._meant(direction))

    async def _enter_cpus(self, direction: str) -> None:
        """What the device wrote becomes visible to CPUs."""
        if not self.machine.sizes.coherent and "no-sync-for-cpu" not in self.defects:
            await sync_for_cpu(self.machine, await self._places(), self._meant(direction))

    async def _places(self) -> list[Place]:
        found = [await page.look() for page in self.buffer.pages]
        return [place for place in found if place is not None]

    def _meant(self, direction: str) -> str:
        if "swap-directions" not in self.defects:
            return direction
        return {TO_DEVICE: FROM_DEVICE, FROM_DEVICE: TO_DEVICE}.get(direction, direction)

    # Moves --------------------------------------------------------------------------

    async def revoke(self, told: list[Attachment]) -> None:
        """Make all importers let go, under the lock, before anything is copied; ``told`` gets those that were told.

        The lock keeps new ones out until :meth:`readmit`. A mapping that cannot be revoked pins, so there is none.
        """
        if "no-revoke" in self.defects or not self.machine.devices:
            return
        index = 0
        while (attachment := await self.buffer.attached.at(index)) is not None:
            index += 1
            if attachment.device.revocable:
                told.append(attachment)
                await notify(attachment)
                if "revoke-first-only" in self.defects:
                    break
        if {"map-during-revoke", "attach-during-revoke-missed"} & self.defects:
            await self.lock.unlock()
            await self._wait_for(told)
            await self.lock.lock()
        else:
            await self._wait_for(told)
        if told:
            await self._enter_cpus(BIDIRECTIONAL)

    async def _wait_for(self, told: list[Attachment]) -> None:
        """Both waits: the devices have stopped, and the mappings are gone."""
        if "revoke-does-not-wait" in self.defects:
            return
        for attachment in told:
            if "revoke-waits-for-unmap-only" not in self.defects:
                await WaitAnswer(attachment)
            if "revoke-waits-for-stop-only" not in self.defects:
                await WaitGone(attachment)

    async def readmit(self, attachment: Attachment) -> None:
        """The storage has moved: it may be mapped again."""
        await readmit(attachment)
