from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dmabuf_async.dashboard.panels.devices import devices
from dmabuf_async.machine.snapshot import AttachmentView, DeviceView, Snapshot, TransferView
from tests.dashboard.conftest import drawn, moment_of, program_of

EMPTY = Snapshot(0, 0, (), (), ())
ATTACHED = AttachmentView("fb", "driver", "from_device", "", (), ((),), (TransferView("write", 0, 1, 2, 0),))


def told(*views: DeviceView, width: int = 80, rows: int | None = None) -> list[str]:
    return [text.plain.rstrip() for text in devices(replace(EMPTY, devices=views), width=width, rows=rows)]


def test_a_line_tells_who_attached_it_and_what_is_in_flight() -> None:
    assert told(DeviceView("gpu", 1, "later", (ATTACHED,))) == ["gpu on fb  driver  writes [0] 1/2  from_device"]


def test_engines_are_told_apart_where_there_are_several() -> None:
    one = replace(ATTACHED, transfers=(TransferView("read", 0, 0, 1, 1),))
    assert "reads [0] 1/1 by engine1" in told(DeviceView("gpu", 2, "later", (one,)))[0]


def test_a_revoke_is_told_first_and_a_device_without_attachments_tells_how_it_lets_go() -> None:
    one = replace(ATTACHED, revoke="told", transfers=())
    assert told(DeviceView("gpu", 1, "at once", (one,)), DeviceView("npu", 2, "cannot", ())) == [
        "gpu on fb  driver  told to let go  from_device",
        "npu                2 engines, cannot let go",
    ]


def test_where_there_is_no_room_for_all_those_stay_that_have_most_to_do() -> None:
    views = (
        DeviceView("idle", 1, "cannot", ()),
        DeviceView("done", 1, "at once", (replace(ATTACHED, direction="", transfers=()),)),
        DeviceView("gpu", 1, "at once", (ATTACHED,)),
        DeviceView("npu", 1, "at once", (replace(ATTACHED, transfers=()),)),
    )
    (line,) = told(*views, rows=1)
    assert line.startswith("gpu on fb   driver  writes [0] 1/2")
    assert line.endswith("  + 3 more devices")
    assert [line.split()[0] for line in told(*views, rows=3)] == ["gpu", "npu", "+"]


SCENARIO = """
title = "x"
[devices.gpu]
revoke = "later"
[buffers.fb]
exporter = "swapping"
defects = ["revoke-does-not-wait"]
[[tasks]]
name = "driver"
steps = [
  { do = "attach", device = "gpu", buffer = "fb", as = "a" },
  { do = "map_dma_buf", at = "a", direction = "to_device" },
  { do = "dma_read", at = "a", as = "t" },
  { do = "dma_wait", for = "t" },
  { do = "unmap_dma_buf", at = "a" },
  { do = "detach", at = "a" },
]
[[tasks]]
name = "evictor"
cpu = 1
steps = [{ do = "swap_out", buffer = "fb" }]
"""


def test_a_revoke_that_does_not_wait_can_be_read_on_a_small_screen(golden: Callable[[str, str], None]) -> None:
    program = program_of(SCENARIO)
    moment = moment_of(program, 27, (13, "gpu.engine0"), (15, "evictor"))
    golden("device-80x24", drawn(moment, 80, 24))
