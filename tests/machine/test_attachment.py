from __future__ import annotations

from dmabuf_async.drivers.device import DeviceImporter
from dmabuf_async.machine.attachment import Claim
from dmabuf_async.machine.machine import Machine
from dmabuf_async.protocol import attachment as protocol
from tests.devices import Shared, attached, leave, sharing
from tests.harness import all_executions, execute


def test_attachments_are_walked_in_the_order_in_which_they_were_made_and_their_names_are_used_again() -> None:
    walked: list[str] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        for name in ("m", "n", "m"):
            if name in own.attachments:
                await own.detach(name)
            await own.attach(name, shared.device, shared.buffer)
        index = 0
        while (found := await shared.buffer.attached.at(index)) is not None:
            walked.append(found.name)
            index += 1
        await own.detach("m")
        await own.detach("n")

    assert execute(sharing(use)).codes == []
    assert walked == ["a.gpu.fb.1", "a.gpu.fb"]


def test_only_one_claims_an_unmap() -> None:
    won: set[tuple[bool, ...]] = set()
    claims: dict[str, bool] = {}

    async def first(shared: Shared, own: DeviceImporter) -> None:
        claims.clear()
        attachment = await attached(shared, own)
        await shared.machine.things["cell mapped"].store(1)  # type: ignore[attr-defined]
        claims["a"] = await protocol.claim(attachment)
        if claims["a"]:
            await protocol.unmap_dma_buf(attachment)
        await attachment.wait_gone()
        own.mapped.clear()
        await own.detach("m")

    async def second(shared: Shared, own: DeviceImporter) -> None:
        await shared.machine.things["cell mapped"].wait("==", 1)  # type: ignore[attr-defined]
        attachment = shared.attachment()
        claims["b"] = await Claim(attachment)
        if claims["b"]:
            await protocol.unmap_dma_buf(attachment)
        won.add((claims.get("a", False), claims["b"]))

    def build(machine: Machine) -> object:
        machine.cell("mapped")
        return sharing(first, second, exporter="static")(machine)

    for ran in all_executions(build, limit=60_000):
        assert [code for code in ran.codes if code != "bad-state"] == []
        assert sum(claims.values()) == 1
    assert {one[1] for one in won} == {False, True}


def test_a_mapping_pins_the_pages_only_of_a_device_that_cannot_let_go_and_until_unmap_is_called() -> None:
    for revoke, code in (("cannot", "moved-while-pinned"), ("at once", "stale-iotlb")):
        seen: list[str] = []

        async def use(shared: Shared, own: DeviceImporter) -> None:
            await attached(shared, own, "to_device")
            await swap(shared)
            await leave(own)

        async def swap(shared: Shared) -> None:
            page, slot = shared.buffer.pages[0], await shared.machine.zones["swap"].alloc(shared.buffer.pages[0])
            await shared.buffer.exporter.lock.lock()
            frame = await page.look()
            for word in range(2):
                await page.copy(word, frame, slot)
            await page.switch(slot)
            await shared.buffer.exporter.lock.unlock()
            await frame.zone.release(frame)

        seen = execute(sharing(use, revoke=revoke)).codes
        assert seen[0] == code
