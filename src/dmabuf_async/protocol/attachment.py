"""Device access to a dma_buf: attach, map, unmap, detach, as in version 1 (PROTOCOL 1, V0), and the revoke of V14.

Each call runs in the caller's task: core code first, then the exporter's callback, op by op. Errors come
out as KernelError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dmabuf_async.machine.attaching import AttachCall, DetachCall, MapCall, UnmapCall
from dmabuf_async.machine.attachment import Claim, Gone
from dmabuf_async.machine.revoke import Answer, Notify, Readmit

if TYPE_CHECKING:
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.device import Device
    from dmabuf_async.machine.storage import Buffer


class Sharing(Protocol):
    """What the core calls of an exporter for device access."""

    async def attach(self, device: Device) -> Attachment:
        """Link a new attachment."""
        ...

    async def detach(self, attachment: Attachment) -> None:
        """Unlink it."""

    async def map_dma_buf(self, attachment: Attachment, direction: str) -> None:
        """Bring the buffer into memory, let the device's IOVAs lead there, and keep it there unless it can revoke."""

    async def unmap_dma_buf(self, attachment: Attachment, direction: str | None) -> None:
        """Clear the IOPTEs, have the IOTLBs flushed, and let the buffer move again."""


class DeviceDriver(Protocol):
    """What the core and exporters call of a device's driver: ``device.driver``."""

    async def let_go(self, attachment: Attachment) -> None:
        """A notice has come: stop, unmap, flush, answer; or see to it that this happens soon (V14)."""

    async def flush(self, attachment: Attachment) -> None:
        """Let the IOTLBs of the device forget the attachment (P6)."""


async def dma_buf_attach(buffer: Buffer, device: Device) -> Attachment:
    """Attach a device. May wait for a move to end. The caller holds a reference for it (V15)."""
    await AttachCall(buffer, device)
    attachment: Attachment = await buffer.exporter.attach(device)
    return attachment


async def dma_buf_detach(attachment: Attachment) -> None:
    """Undo an attach; nothing may be mapped."""
    await DetachCall(attachment)
    await attachment.buffer.exporter.detach(attachment)


async def map_dma_buf(attachment: Attachment, direction: str) -> None:
    """Map the whole buffer for the device: ``to_device``, ``from_device`` or ``bidirectional``.

    May block; raises KernelError, ENOMEM for one, and then nothing is mapped. The mapping brackets DMA, and keeps the
    buffer in its place unless it can be revoked (V7, V14).
    """
    await MapCall(attachment, direction)
    await attachment.buffer.exporter.map_dma_buf(attachment, direction)


async def unmap_dma_buf(attachment: Attachment) -> None:
    """Undo a map, when all DMA through it is over."""
    direction: str | None = await UnmapCall(attachment)
    await attachment.buffer.exporter.unmap_dma_buf(attachment, direction)
    await Gone(attachment)


async def claim(attachment: Attachment) -> bool:
    """An importer's own unmap and a revoke may meet: only whoever gets True unmaps."""
    won: bool = await Claim(attachment)
    return won


async def notify(attachment: Attachment) -> None:
    """Tell an importer to let go, in the exporter's task."""
    await Notify(attachment)
    await attachment.device.driver.let_go(attachment)


async def drop_mapping(attachment: Attachment) -> None:
    """The importer's part of a revoke: IOVA mappings go at once, the IOTLBs are flushed before it answers."""
    await UnmapCall(attachment)
    await attachment.clear()
    await Gone(attachment)


async def answer(attachment: Attachment) -> None:
    """The importer says that its device has stopped and leads to the buffer no more."""
    await Answer(attachment)


async def readmit(attachment: Attachment) -> None:
    """The move is over, and the importer may map again."""
    await Readmit(attachment)
