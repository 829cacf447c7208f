"""The device importer: the driver of a device, and what a task does through it, with the deliberate defects of both.

The driver keeps nothing of its own: what it knows of a buffer lies in the attachment. So a notice can be dealt with in
whatever task it comes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dmabuf_async.machine.attachment import WaitIdle
from dmabuf_async.ops import settle
from dmabuf_async.protocol import attachment as protocol
from dmabuf_async.protocol import rfc2012

if TYPE_CHECKING:
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.device import Device
    from dmabuf_async.machine.storage import Buffer
    from dmabuf_async.machine.transfer import Transfer

DEFECTS: Final = {
    "starts-dma-before-map": "starts a transfer before map_dma_buf has returned (V0)",
    "no-dma-wait": "goes on without waiting for the completion of its transfers (V0)",
    "dma-after-unmap": "starts one more transfer when it has unmapped (V0)",
    "forget-unmap": "ends without unmap_dma_buf (V0)",
    "unmap-twice": "calls unmap_dma_buf twice (V0)",
    "detach-while-mapped": "detaches first and unmaps then (V0)",
    "forget-detach": "ends without dma_buf_detach (V15)",
    "no-reference": "attaches without a reference of its own on the buffer (V15)",
    "no-iotlb-flush": "unmaps without flushing any IOTLB (P1)",
    "late-iotlb-flush": "flushes the IOTLBs when unmap_dma_buf has returned (P1)",
    "flush-one-engine": "flushes the IOTLB of its first engine only (P6)",
    "cannot-let-go": "ignores the notice to let go, though its mappings count as revocable (V14)",
    "answers-before-stopped": "answers a revoke before its device has stopped (V14)",
    "stops-one-engine": "stops its first engine only when it has to let go (V14)",
    "answers-before-flush": "answers a revoke before it has flushed the IOTLBs (V14, P1)",
    "revoke-unmaps-twice": "unmaps at a notice though its own unmap may be under way (V14)",
    "starts-while-revoked": "starts transfers without looking whether it had to let go (V14)",
}


class DeviceDriver:
    """What the core calls when a device has to let go, or to flush (:class:`protocol.attachment.DeviceDriver`)."""

    def __init__(self, device: Device, defects: Collection[str] = ()) -> None:
        self.device = device
        self.defects = frozenset(defects)
        device.driver = self

    def serve(self, cpu: int = 0) -> None:
        """Set the engines going, and the task that lets go, where the device does so later."""
        self.device.serve()
        if self.device.revoke == "later":
            name = f"{self.device.name}-revoke"
            self.device.server = self.device.machine.task(name, self.work, cpu=cpu, daemon=True)

    async def work(self) -> None:
        """The task of a driver that lets go later."""
        while True:
            await settle("idle", "revoke")  # it remembers nothing from one notice to the next
            await self._answer_one()

    async def _answer_one(self) -> None:
        attachment = await self.device.take_notice()
        if "cannot-let-go" in self.defects:
            return
        if "answers-before-stopped" in self.defects:
            await protocol.answer(attachment)
        await WaitIdle(attachment)  # what is in flight is finished; nothing new is started
        await self._drop(attachment)

    async def let_go(self, attachment: Attachment) -> None:
        """A notice has come. At once: in the task of the exporter that calls; later: in the driver's own (V14)."""
        if self.device.revoke == "later" or "cannot-let-go" in self.defects:
            return
        if "answers-before-stopped" in self.defects:
            await protocol.answer(attachment)
        for engine in self.device.engines:
            await attachment.stop(engine)
            if "stops-one-engine" in self.defects:
                break
        await self._drop(attachment)

    async def _drop(self, attachment: Attachment) -> None:
        """The device has stopped: unmap, unless the importer's own unmap is under way, flush, and answer."""
        early = "answers-before-flush" in self.defects
        if "revoke-unmaps-twice" in self.defects or await protocol.claim(attachment):
            await protocol.drop_mapping(attachment)
            if early:
                await protocol.answer(attachment)
            await self._flush(attachment)
        if "answers-before-stopped" not in self.defects:
            await protocol.answer(attachment)

    async def flush(self, attachment: Attachment) -> None:
        """The exporter has cleared the IOPTEs: flush every engine that may have used them (P6)."""
        if "late-iotlb-flush" not in self.defects:
            await self._flush(attachment)

    async def flush_late(self, attachment: Attachment) -> None:
        """unmap_dma_buf has returned."""
        if "late-iotlb-flush" in self.defects:
            await self._flush(attachment)

    async def _flush(self, attachment: Attachment) -> None:
        if "no-iotlb-flush" in self.defects:
            return
        for engine in self.device.engines:
            await attachment.flush(engine)
            if "flush-one-engine" in self.defects:
                break


class Dma(NamedTuple):
    """What a task wants transferred, so that it can be started again after a revoke has stopped it."""

    attachment: str
    engine: int
    page: int
    words: tuple[int, ...]
    write: bool
    """Into memory."""


class DeviceImporter:
    """What one task holds of devices, by name, and the calls that it makes."""

    def __init__(self) -> None:
        self.attachments: dict[str, Attachment] = {}
        self.mapped: dict[str, str] = {}  # the direction in which each was mapped, until the task unmaps it
        self.dmas: dict[str, tuple[Dma, Transfer]] = {}

    def holds(self) -> tuple[object, ...]:
        """All that this task remembers, as plain data: what it settles with."""
        return (
            tuple(self.attachments.items()),
            tuple(self.mapped.items()),
            tuple(self.dmas.items()),
        )

    async def attach(self, name: str, device: Device, buffer: Buffer) -> None:
        """Take a reference and attach; the attachment is called ``name`` from here on (V15)."""
        if "no-reference" not in _defects(device):
            await rfc2012.dma_buf_get(buffer)
        self.attachments[name] = await protocol.dma_buf_attach(buffer, device)

    async def detach(self, name: str) -> None:
        """Detach, and drop the reference."""
        attachment = self.attachments[name]
        defects = _defects(attachment.device)
        if "forget-detach" in defects:
            return
        del self.attachments[name]
        await protocol.dma_buf_detach(attachment)
        if "detach-while-mapped" in defects and self.mapped.pop(name, ""):
            await protocol.unmap_dma_buf(attachment)
        if "no-reference" not in defects:
            await rfc2012.dma_buf_put(attachment.buffer)

    async def map(self, name: str, direction: str) -> None:
        """map_dma_buf."""
        attachment = self.attachments[name]
        if "starts-dma-before-map" in _defects(attachment.device):
            early = await self._blindly(attachment)
            await protocol.map_dma_buf(attachment, direction)
            await early.wait()
        else:
            await protocol.map_dma_buf(attachment, direction)
        self.mapped[name] = direction

    async def unmap(self, name: str) -> None:
        """unmap_dma_buf, unless a revoke does it: then wait until it has."""
        attachment = self.attachments[name]
        defects = _defects(attachment.device)
        if {"forget-unmap", "detach-while-mapped"} & defects:
            return
        del self.mapped[name]
        if await protocol.claim(attachment):
            await protocol.unmap_dma_buf(attachment)
            await attachment.device.driver.flush_late(attachment)
            if "unmap-twice" in defects:
                await protocol.unmap_dma_buf(attachment)
        else:
            await attachment.wait_gone()
        if "dma-after-unmap" in defects:
            await (await self._blindly(attachment)).wait()

    async def start(self, name: str, dma: Dma) -> None:
        """Start a transfer, which is called ``name`` from here on."""
        self.dmas[name] = (dma, await self._launch(dma))

    async def wait(self, name: str) -> None:
        """Wait for the completion of a transfer; one that a revoke stopped is started again, if still mapped."""
        dma, transfer = self.dmas[name]
        if "no-dma-wait" in _defects(transfer.attachment.device):
            return
        del self.dmas[name]
        while not await transfer.wait() and dma.attachment in self.mapped:
            transfer = await self._launch(dma)

    async def unwind(self) -> None:
        """Give back whatever is held, last taken first: after an error, or on the exit of a user process."""
        while self.dmas:
            _, (_, transfer) = self.dmas.popitem()
            await transfer.wait()
        for name in reversed(list(self.mapped)):
            await self.unmap(name)
        for name in reversed(list(self.attachments)):
            await self.detach(name)

    async def _launch(self, dma: Dma) -> Transfer:
        """Start it; where a revoke has taken the mapping, map again before (V14)."""
        attachment = self.attachments[dma.attachment]
        engine = attachment.device.engines[dma.engine]
        page = attachment.buffer.pages[dma.page]
        blindly = "starts-while-revoked" in _defects(attachment.device)
        start = attachment.start(engine, page, dma.words, write=dma.write, blindly=blindly)
        transfer = await start
        while transfer is None:
            await attachment.wait_gone()
            await protocol.map_dma_buf(attachment, self.mapped[dma.attachment])
            transfer = await start
        await transfer.doorbell()
        started: Transfer = transfer
        return started

    async def _blindly(self, attachment: Attachment) -> Transfer:
        """Start a transfer of a word without looking whether the mapping is there for it."""
        engine, page = attachment.device.engines[0], attachment.buffer.pages[0]
        transfer: Transfer = await attachment.start(engine, page, (0,), write=False, blindly=True)
        await transfer.doorbell()
        return transfer


def _defects(device: Device) -> frozenset[str]:
    driver: Any = device.driver
    defects: frozenset[str] = driver.defects
    return defects
