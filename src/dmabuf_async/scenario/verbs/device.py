"""What kernel code does with a buffer through a device: attachments, mappings, and DMA."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from dmabuf_async.scenario.fields import Direction, Name, OnError, Page, WordIndex
from dmabuf_async.scenario.verbs.base import Verb

EngineIndex = Annotated[int, Meta(ge=0, le=7)]


class Attach(Verb, frozen=True, kw_only=True, tag="attach"):
    """Take a reference to a buffer and attach a device to it (rules V0, V15).

    device: one of [devices]. as: what later steps call the attachment.
    """

    device: Name
    buffer: Name
    as_: Name = field(name="as")


class Detach(Verb, frozen=True, kw_only=True, tag="detach"):
    """Detach what attach attached, and drop the reference.

    at: what attach called it.
    """

    at: Name


class MapDmaBuf(Verb, frozen=True, kw_only=True, tag="map_dma_buf"):
    """Map the whole buffer for an attached device (rule V0); may wait for a move to end, and may fail.

    A mapping of a device that cannot let go pins the buffer (rule V7). at: what attach called the attachment.
    direction: "to_device" for a device that reads, "from_device" for one that writes, or "bidirectional". on_error:
    "unwind" ends the task in good order, "ignore" goes on with the next step.
    """

    at: Name
    direction: Direction = "bidirectional"
    on_error: OnError = "unwind"


class UnmapDmaBuf(Verb, frozen=True, kw_only=True, tag="unmap_dma_buf"):
    """Unmap what map_dma_buf mapped; by then all DMA through it is over.

    at: what attach called the attachment.
    """

    at: Name


class DmaRead(Verb, frozen=True, kw_only=True, tag="dma_read"):
    """Let the device read a page of what is mapped, word by word, and go on (rule V0).

    at: what attach called the attachment. page: from 0. word: only this one; left out, all words of the page. engine:
    which of the device's. as: what dma_wait calls the transfer.
    """

    at: Name
    page: Page = 0
    word: WordIndex | None = None
    engine: EngineIndex = 0
    as_: Name = field(name="as")


class DmaWrite(Verb, frozen=True, kw_only=True, tag="dma_write"):
    """Let the device write a page of what is mapped, word by word, and go on (rule V0).

    at: what attach called the attachment. page: from 0. word: only this one; left out, all words of the page. engine:
    which of the device's. as: what dma_wait calls the transfer.
    """

    at: Name
    page: Page = 0
    word: WordIndex | None = None
    engine: EngineIndex = 0
    as_: Name = field(name="as")


class DmaWait(Verb, frozen=True, kw_only=True, tag="dma_wait"):
    """Wait until a transfer is complete; one that a revoke has stopped is started again.

    for: what dma_read or dma_write called it.
    """

    for_: Name = field(name="for")
