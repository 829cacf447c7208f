from __future__ import annotations

from dmabuf_async.drivers.device import DeviceImporter
from dmabuf_async.protocol import attachment as protocol
from tests.devices import Shared, attached, sharing, swap_out
from tests.harness import execute


async def use(shared: Shared, own: DeviceImporter) -> None:
    attachment = await protocol.dma_buf_attach(shared.buffer, shared.device)
    await protocol.map_dma_buf(attachment, "to_device")
    await protocol.unmap_dma_buf(attachment)
    await protocol.dma_buf_detach(attachment)


def test_each_call_is_core_code_and_then_the_exporters_callback() -> None:
    texts = [text.removeprefix("a: ") for text in execute(sharing(use), trace=True).texts()]
    calls = [
        "dma_buf_attach(fb, gpu)", "attach gpu to fb", "map_dma_buf(fb, gpu, to_device)", "map fb for gpu, to_device",
        "iopte of gpu: fb[0] = ram#0, read", "unmap_dma_buf(fb, gpu)", "clear iopte of gpu: fb[0]",
        "flush iotlb of gpu.engine0: fb", "unmapped fb for gpu", "dma_buf_detach(fb, gpu)", "detach gpu from fb",
    ]  # fmt: skip
    assert [text for text in texts if text in calls] == calls


def test_a_map_brings_in_what_was_swapped_out() -> None:
    async def late(shared: Shared, own: DeviceImporter) -> None:
        await swap_out(shared, own)
        await use(shared, own)

    ran = execute(sharing(late), trace=True)
    assert ran.codes == []
    assert any("switch fb[0] to ram#0" in text for text in ran.texts())


def test_a_revoke_drops_the_mapping_first_and_flushes_then() -> None:
    async def let_go(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        await protocol.notify(attachment)
        await protocol.readmit(attachment)
        await own.detach("m")

    texts = execute(sharing(let_go), trace=True).texts()
    told = [
        "a: notify gpu: let go of fb", "a: stop gpu.engine0 on fb", "a: claim the unmap of fb for gpu",
        "a: unmap_dma_buf(fb, gpu)", "a: clear iopte of gpu: fb[0]", "a: unmapped fb for gpu",
        "a: flush iotlb of gpu.engine0: fb", "a: answer: gpu has let go of fb", "a: let gpu map fb again",
    ]  # fmt: skip
    assert [text for text in texts if text in told] == told


def test_a_mapping_is_claimed_once() -> None:
    claims: list[bool] = []

    async def twice(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        claims.extend([await protocol.claim(attachment), await protocol.claim(attachment)])
        await protocol.unmap_dma_buf(attachment)
        claims.append(await protocol.claim(attachment))
        await protocol.dma_buf_detach(attachment)

    execute(sharing(twice))
    assert claims == [True, False, False]
