"""The panel of devices: who attached each, what it is told, what it has mapped, and what is in flight."""

from __future__ import annotations

from rich.text import Text

from dmabuf_async.dashboard.blocks import foremost
from dmabuf_async.dashboard.lines import WAITING, Cell, called, hues, line, row, widest
from dmabuf_async.machine.snapshot import AttachmentView, DeviceView, Snapshot


def devices(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """A line for each attachment: whose it is, what it is told, its mapping, transfers.

    A device without attachments has a line too. If not all fit, those stay that have most to do.
    """
    hue = hues(snapshot)
    views = [(device, one) for device in snapshot.devices for one in device.attachments or (None,)]
    heads = [device.name if one is None else f"{device.name} on {one.buffer}" for device, one in views]
    head = widest(heads, width // 4)
    task = widest(("" if one is None else one.actor for _, one in views), width // 6)
    room = max(0, width - head - 2 - task - 2)
    lines = [
        (
            _rank(one),
            1,
            row(
                width,
                Cell(head, called(name, head), "bold"),
                Cell(
                    task, "" if one is None else called(one.actor, task), "" if one is None else hue.get(one.actor, "")
                ),
                Cell(room, _idle(device) if one is None else _doing(device, one)),
            ),
        )
        for name, (device, one) in zip(heads, views, strict=True)
    ]
    return foremost(lines, len(lines) if rows is None else rows, "device", width)


def _rank(one: AttachmentView | None) -> int:
    return 3 if one is None else 0 if one.transfers or one.revoke == "told" else 1 if one.direction else 2


def _idle(device: DeviceView) -> Text:
    lets_go = {"at once": "lets go at once", "later": "lets go later", "cannot": "cannot let go"}[device.revoke]
    return line(f"{device.engines} engine{'s' * (device.engines != 1)}, {lets_go}", "dim")


def _doing(device: DeviceView, one: AttachmentView) -> Text:
    """What matters most comes first: there may be no room for all."""
    parts = []
    if one.revoke:
        parts.append(line("told to let go" if one.revoke == "told" else "has let go", WAITING))
    for transfer in one.transfers:
        by = f" by engine{transfer.engine}" if device.engines > 1 else ""
        made = f"{transfer.words - transfer.left}/{transfer.words}"
        parts.append(line(f"{transfer.verb}s [{transfer.page}] {made}{by}", "green"))
    parts.append(line(one.direction or "not mapped", "" if one.direction else "dim"))
    return Text("  ", no_wrap=True).join(parts)
