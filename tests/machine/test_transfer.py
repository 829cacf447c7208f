from __future__ import annotations

from typing import Any

import pytest

from dmabuf_async.drivers.device import DeviceDriver, DeviceImporter
from dmabuf_async.drivers.migrating import MigratingExporter
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from tests.devices import Shared, attached, leave, sharing
from tests.harness import all_executions, execute


async def write(shared: Shared, own: DeviceImporter, words: tuple[int, ...] = (0, 1), **how: Any) -> Any:
    """Start a write of the first page, or not."""
    attachment = own.attachments["m"]
    start = attachment.start(shared.device.engines[0], shared.buffer.pages[0], words, write=True, **how)
    transfer = await start
    if transfer is not None:
        await transfer.doorbell()
    return transfer


def test_a_transfer_is_one_op_a_word_and_completes() -> None:
    async def use(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own)
        transfer = await write(shared, own)
        assert await transfer.wait()
        await leave(own)

    texts = execute(sharing(use), trace=True).texts()
    mine = [text for text in texts if text.startswith("gpu.engine0: ")]
    assert mine == [
        "gpu.engine0: fetch the next transfer",
        "gpu.engine0: dma write word 0 of fb[0]",
        "gpu.engine0: dma write word 1 of fb[0]",
        "gpu.engine0: complete dma write of fb[0]",
    ]


def test_a_stopped_engine_makes_no_more_words_wherever_it_is_stopped() -> None:
    made: set[int] = set()

    async def use(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        transfer = await write(shared, own)
        await attachment.stop(shared.device.engines[0])
        await shared.machine.cell("stopped").store(1)
        done = await transfer.wait()
        await shared.machine.counter("done").add(done)
        await leave(own)

    for ran in all_executions(sharing(use), trace=True):
        texts = ran.texts()
        stop = texts.index("a: stop gpu.engine0 on fb")
        words = [index for index, text in enumerate(texts) if "dma write word" in text]
        in_time = [index for index in words if index < stop]
        made.add(len(in_time))
        effective = [step for step in ran.watch.steps or () if step.op.kind == "dma" and step.result is not False]
        assert len(effective) == len(in_time)
        assert ran.codes == []
    assert made == {0, 1, 2}


def test_what_has_completed_is_no_longer_stopped() -> None:
    results: set[bool] = set()

    async def use(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        transfer = await write(shared, own, (0,))
        await attachment.stop(shared.device.engines[0])
        results.add(await transfer.wait())
        await leave(own)

    for _ in all_executions(sharing(use)):
        pass
    assert results == {False, True}


def test_a_driver_that_looks_starts_nothing_without_a_mapping() -> None:
    started: list[Any] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        await own.attach("m", shared.device, shared.buffer)
        started.append(await write(shared, own))
        await own.detach("m")

    assert execute(sharing(use)).codes == []
    assert started == [None]


def test_a_word_without_a_translation_is_a_fault_and_ends_the_transfer() -> None:
    async def use(shared: Shared, own: DeviceImporter) -> None:
        await own.attach("m", shared.device, shared.buffer)
        transfer = await write(shared, own, blindly=True)
        await transfer.wait()
        await own.detach("m")

    ran = execute(sharing(use), trace=True)
    assert ran.codes == ["bad-state"]
    assert sum("dma write word" in text for text in ran.texts()) == 1
    assert ran.stopped == "ended"


def test_a_write_through_a_mapping_to_the_device_is_a_fault() -> None:
    async def use(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own, "to_device")
        transfer = await write(shared, own)
        await transfer.wait()
        await leave(own)

    ran = execute(sharing(use))
    assert [(finding.code, finding.actor) for finding in ran.findings] == [("bad-state", "gpu.engine0")]


def test_two_transfers_of_a_kind_in_flight_are_two_objects() -> None:
    names: list[str] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own)
        first, second = await write(shared, own), await write(shared, own)
        names.extend((first.name, second.name))
        await first.wait()
        await second.wait()
        third = await write(shared, own)
        names.append(third.name)
        await third.wait()
        await leave(own)

    execute(sharing(use))
    assert names == ["a.gpu.fb[0].write", "a.gpu.fb[0].write.1", "a.gpu.fb[0].write"]


@pytest.mark.parametrize("waits", [True, False])
def test_what_a_device_wrote_comes_before_the_wait_for_it_and_is_concurrent_without(waits: bool) -> None:
    before: set[bool] = set()

    async def use(shared: Shared, own: DeviceImporter) -> None:
        await attached(shared, own)
        transfer = await write(shared, own, (0,))
        if waits:
            await transfer.wait()
        else:
            await shared.machine.cell("other").load()
        engine = next(actor for actor in shared.machine.actors if actor.name == "gpu.engine0")
        me = next(actor for actor in shared.machine.actors if actor.name == "a")
        before.add(engine.past & ~me.past == 0 and engine.past != 0)
        if not waits:
            await transfer.wait()
        await leave(own)

    def build(machine: Machine) -> object:
        machine.cell("other")
        return sharing(use)(machine)

    for _ in all_executions(build):
        pass
    assert (True in before) is waits


def test_a_device_that_does_not_reach_vram_is_told_when_it_goes_there() -> None:
    def build(machine: Machine) -> None:
        buffer = machine.buffer("fb")
        MigratingExporter(machine, buffer, "vram", ["out-of-reach"])
        driver = DeviceDriver(machine.device("gpu", vram=False))

        async def use() -> None:
            own, shared = DeviceImporter(), Shared(machine, buffer, driver.device)
            await attached(shared, own)
            transfer = await write(shared, own, (0,))
            await transfer.wait()
            await leave(own)

        machine.task("a", use)
        driver.serve()

    [finding] = execute(build, sizes=Sizes(vram=1)).findings
    assert finding.message == "gpu.engine0 writes word 0 of fb[0] in vram#0, which it cannot reach"
