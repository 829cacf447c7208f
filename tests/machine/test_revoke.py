from __future__ import annotations

from dmabuf_async.drivers.device import DeviceImporter
from dmabuf_async.machine.revoke import Answer, Noticed, Notify, Readmit
from tests.devices import Shared, attached, leave, sharing
from tests.harness import execute


def test_a_notice_is_idempotent_and_ends_when_the_importer_may_map_again() -> None:
    noticed: list[bool] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        for op in (Notify(attachment), Notify(attachment), Readmit(attachment)):
            await op
            noticed.append(await Noticed(attachment))
        await leave(own)

    ran = execute(sharing(use, revoke="later"), trace=True)
    assert noticed == [True, True, False]
    assert sum("take the next notice" in text for text in ran.texts()) <= 1


def test_an_answer_while_words_remain_is_told() -> None:
    async def use(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        await attachment.start(shared.device.engines[0], shared.buffer.pages[0], (0,), write=False)
        await Answer(attachment)
        await attachment.stop(shared.device.engines[0])
        await Readmit(attachment)
        await leave(own)

    [finding] = execute(sharing(use)).findings
    assert finding.message == "a answers the revoke of fb for gpu while a dma read of fb[0] has words left"


def test_nothing_is_started_between_a_notice_and_the_end_of_the_move() -> None:
    started: list[object] = []

    async def use(shared: Shared, own: DeviceImporter) -> None:
        attachment = await attached(shared, own)
        start = attachment.start(shared.device.engines[0], shared.buffer.pages[0], (0,), write=False)
        await Notify(attachment)
        started.append(await start)
        await Readmit(attachment)
        transfer = await start
        started.append(transfer.name)
        await transfer.doorbell()
        await transfer.wait()
        await leave(own)

    execute(sharing(use))
    assert started == [None, "a.gpu.fb[0].0.read"]
