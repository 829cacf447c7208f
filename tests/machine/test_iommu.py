from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.device import DeviceImporter
from tests.devices import Shared, attached, leave, sharing
from tests.harness import execute


@pytest.mark.unaudited  # it looks at the reverse map between ops
def test_an_iopte_leads_to_the_frame_and_the_frame_knows() -> None:
    seen: list[Any] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own, "to_device")
        [pte] = attachment.ioptes
        place = await pte.page.look()
        seen.append([(entry.name, writable) for entry, writable in place.rmap.entries])
        await pte.clear()
        seen.append(list(place.rmap.entries))
        await leave(own)

    execute(sharing(use))
    assert seen == [[("a.gpu.fb.iopte0", False)], []]


@pytest.mark.unaudited  # it looks at the reverse map between ops
def test_an_iotlb_entry_outlives_its_iopte_until_that_engine_is_flushed() -> None:
    seen: list[Any] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own, "from_device")
        for engine in shared.device.engines:
            transfer = await attachment.start(engine, shared.buffer.pages[0], (0,), write=True)
            await transfer.doorbell()
            await transfer.wait()
        await attachment.ioptes[0].clear()
        place = await shared.buffer.pages[0].look()
        for engine in shared.device.engines:
            seen.append(sorted(entry.name for entry, _ in place.rmap.entries))
            await attachment.flush(engine)
        seen.append(sorted(entry.name for entry, _ in place.rmap.entries))
        await leave(own)

    execute(sharing(use, engines=2))
    one, two = (f"gpu.engine{number}.a.gpu.fb.iopte0" for number in range(2))
    assert seen == [[one, two], [two], []]


def test_steps_are_told_in_words() -> None:
    async def use(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own, "from_device")
        await leave(own)

    texts = execute(sharing(use), trace=True).texts()
    for text in ("iopte of gpu: fb[0] = ram#0, write", "clear iopte of gpu: fb[0]", "flush iotlb of gpu.engine0: fb"):
        assert f"a: {text}" in texts
