from __future__ import annotations

import pytest

from dmabuf_async.drivers.device import DeviceImporter
from dmabuf_async.protocol import attachment as protocol
from dmabuf_async.protocol.rfc2012 import dma_buf_put
from tests.devices import Shared, Work, attached, leave, sharing
from tests.harness import execute


async def map_twice(shared: Shared, own: DeviceImporter) -> None:
    attachment = await attached(shared, own)
    await protocol.map_dma_buf(attachment, "to_device")
    await leave(own)


async def unmap_twice(shared: Shared, own: DeviceImporter) -> None:
    attachment = await attached(shared, own)
    await own.unmap("m")
    await protocol.unmap_dma_buf(attachment)
    await own.detach("m")


async def map_what_is_detached(shared: Shared, own: DeviceImporter) -> None:
    attachment = await attached(shared, own)
    await leave(own)
    await protocol.map_dma_buf(attachment, "to_device")
    await protocol.unmap_dma_buf(attachment)


async def detach_twice(shared: Shared, own: DeviceImporter) -> None:
    attachment = await attached(shared, own)
    await leave(own)
    await protocol.dma_buf_detach(attachment)


async def detach_what_is_mapped(shared: Shared, own: DeviceImporter) -> None:
    attachment = await attached(shared, own)
    await protocol.dma_buf_detach(attachment)
    await protocol.unmap_dma_buf(attachment)


async def unmap_while_words_remain(shared: Shared, own: DeviceImporter) -> None:
    attachment = await attached(shared, own)
    await attachment.start(shared.device.engines[0], shared.buffer.pages[0], (0,), write=False)
    await protocol.unmap_dma_buf(attachment)
    await attachment.stop(shared.device.engines[0])


CASES: dict[str, tuple[Work, str]] = {
    "map twice": (map_twice, "a maps fb for gpu, which is mapped already"),
    "unmap twice": (unmap_twice, "a unmaps fb for gpu, which is unmapped already"),
    "map detached": (map_what_is_detached, "a calls map_dma_buf on an attachment of fb for gpu that is detached"),
    "detach twice": (detach_twice, "a calls dma_buf_detach on an attachment of fb for gpu that is detached"),
    "detach mapped": (detach_what_is_mapped, "a detaches gpu from fb, still mapped"),
    "unmap in flight": (unmap_while_words_remain, "a unmaps fb for gpu while a dma read of fb[0] has words left"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_out_of_order_is_told(name: str) -> None:
    work, message = CASES[name]
    first = execute(sharing(work)).findings[0]
    assert (first.code, first.rule, first.message) == ("bad-state", "V0", message)


def test_attach_to_a_buffer_that_has_been_released_is_a_use_after_free() -> None:
    async def use(shared: Shared, own: DeviceImporter) -> None:
        await dma_buf_put(shared.buffer)
        await protocol.dma_buf_attach(shared.buffer, shared.device)

    assert execute(sharing(use)).codes[0] == "use-after-free"
