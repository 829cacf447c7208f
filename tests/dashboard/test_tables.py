from __future__ import annotations

from dmabuf_async.dashboard.tables import tables
from dmabuf_async.machine.snapshot import (
    AttachmentView,
    BufferView,
    DeviceView,
    LeadView,
    PageView,
    Snapshot,
    VmaView,
)

PAGE = PageView("ram#0", True, 2, 2)
FB = BufferView("fb", "static", 1, "", (PAGE, PAGE, PAGE))


def lead(page: int, *, stale: bool = False) -> LeadView:
    return LeadView(page, "ram#0", True, stale)


def snapshot(*vmas: VmaView, devices: tuple[DeviceView, ...] = ()) -> Snapshot:
    return Snapshot(step=1, now=0, actors=(), buffers=(FB,), zones=(), devices=devices, vmas=vmas)


def test_pages_of_a_range_are_those_of_the_buffer_from_its_first_on() -> None:
    (table,) = tables(snapshot(VmaView("display", "m", "fb", True, True, (lead(0),), (), "fb", 2, 1)), FB)
    assert (table.kind, table.whose, table.may) == ("pte", "display.m", "rw")
    assert (list(table.entries), table.pages) == ([2], range(2, 3))


def test_what_holds_copies_of_a_page_table_comes_after_it() -> None:
    mapped = VmaView("display", "m", "fb", True, False, (), ((1, (lead(0, stale=True),)),), "fb", 0, 3)
    gone = VmaView("child", "m", "fb", False, True, (lead(1),), (), "fb")
    elsewhere = VmaView("display", "n", "gb", True, True, (lead(1),), (), "gb", 0, 3)
    found = tables(snapshot(mapped, gone, elsewhere), FB)
    assert [(table.kind, table.whose, table.may, table.stale) for table in found] == [
        ("pte", "display.m", "r", False),
        ("tlb", "cpu1", "", True),
        ("pte", "child.m", "gone", False),
    ]
    assert not found[2].pages


def test_engines_are_told_apart_where_there_are_several_and_what_is_not_mapped_has_no_table() -> None:
    one = AttachmentView("fb", "driver", "to_device", "", (lead(0),), ((), (lead(0),)), ())
    single = AttachmentView("fb", "driver", "to_device", "", (), ((lead(2),),), ())
    never = AttachmentView("fb", "driver", "", "", (), ((),), ())
    devices = (
        DeviceView("gpu", 2, "later", (one,)),
        DeviceView("npu", 1, "later", (single,)),
        DeviceView("vpu", 1, "later", (never,)),
    )
    assert [(table.kind, table.whose, table.pages) for table in tables(snapshot(devices=devices), FB)] == [
        ("iopte", "gpu", range(3)),
        ("iotlb", "engine1", range(3)),
        ("iopte", "npu", range(3)),
        ("iotlb", "", range(3)),
    ]
