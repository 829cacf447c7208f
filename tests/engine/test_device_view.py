from __future__ import annotations

from dmabuf_async.drivers.device import DeviceImporter
from dmabuf_async.engine.device_view import device_view
from dmabuf_async.machine.snapshot import LeadView, TransferView
from tests.devices import Shared, attached, leave, sharing
from tests.harness import execute


async def use(shared: Shared, own: DeviceImporter) -> None:
    attachment = await attached(shared, own, "from_device")
    transfer = await attachment.start(shared.device.engines[0], shared.buffer.pages[0], (0, 1), write=True)
    await transfer.doorbell()
    await transfer.wait()
    await leave(own)


def views(**how: object) -> list[object]:
    """What could be seen after each step."""
    program = sharing(use, **how)  # type: ignore[arg-type]
    length = execute(program).core.steps
    return [device_view(execute(program, max_steps=at).machine.devices["gpu"]) for at in range(length + 1)]


def test_an_attachment_shows_its_mapping_its_translations_and_what_is_in_flight() -> None:
    attachments = [view.attachments[0] for view in views() if view.attachments]  # type: ignore[attr-defined]
    assert [one.direction for one in attachments][:1] == [""]
    lead = LeadView(0, "ram#0", writable=True, stale=False)
    assert any(one.ioptes == (lead,) and one.iotlbs == ((),) for one in attachments)
    busy = next(one for one in attachments if one.transfers and one.transfers[0].left == 1)
    assert busy.transfers == (TransferView("write", 0, 1, 2, 0),)
    assert busy.iotlbs == ((lead,),)


def test_what_is_detached_is_seen_only_as_long_as_something_leads_to_the_buffer() -> None:
    assert views()[-1].attachments == ()  # type: ignore[attr-defined]
    left = views(device_defects=["no-iotlb-flush"])[-1].attachments  # type: ignore[attr-defined]
    assert [(one.direction, one.ioptes, len(one.iotlbs[0])) for one in left] == [("", (), 1)]
