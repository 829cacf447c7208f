"""What can be seen of a device: its attachments, where its translations lead, and what it has in flight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dmabuf_async.machine.snapshot import AttachmentView, DeviceView, LeadView, TransferView

if TYPE_CHECKING:
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.device import Device
    from dmabuf_async.machine.storage import Page
    from dmabuf_async.machine.translations import Translation


def device_view(device: Device) -> DeviceView:
    """A device as plain data. What is detached and still leads somewhere is among its attachments."""
    views = [_attachment(one) for one in device.attachments() if one.linked or _leads_on(one)]
    return DeviceView(device.name, len(device.engines), device.revoke, tuple(views))


def _leads_on(attachment: Attachment) -> bool:
    entries = (entry for engine in attachment.device.engines for entry in attachment.iotlb(engine))
    return any(translation.place is not None for translation in (*attachment.ioptes, *entries))


def _attachment(attachment: Attachment) -> AttachmentView:
    pages, engines = attachment.buffer.pages, attachment.device.engines
    return AttachmentView(
        buffer=attachment.buffer.name,
        actor=attachment.actor.name,
        direction=attachment.direction or "",
        revoke="answered" if attachment.answered else "told" if attachment.noticed else "",
        ioptes=_leads(pages, attachment.ioptes),
        iotlbs=tuple(_leads(pages, attachment.iotlb(engine)) for engine in engines),
        transfers=tuple(
            TransferView(one.verb, one.page.index, one.left, len(one.words), engines.index(one.engine))
            for one in attachment.transfers
        ),
    )


def _leads(pages: Iterable[Page], entries: Iterable[Translation]) -> tuple[LeadView, ...]:
    return tuple(
        LeadView(page.index, entry.place.name, entry.writable, stale=page.where is not entry.place)
        for page, entry in zip(pages, entries, strict=True)
        if entry.place is not None
    )
