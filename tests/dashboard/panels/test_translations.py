from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dmabuf_async.dashboard.panels.translations import height_of_translations, translations
from dmabuf_async.machine.snapshot import (
    AttachmentView,
    BufferView,
    DeviceView,
    LeadView,
    PageView,
    Snapshot,
    VmaView,
)
from tests.dashboard.conftest import drawn, moment_of, program_of

PAGE = PageView("ram#0", resident=True, words=2, newest=2)
LEAD = LeadView(0, "ram#0", writable=True, stale=False, dirty=True)
STALE = replace(LEAD, place="ram#7", stale=True)
CPUS = ((0, (LEAD,)), (1, (replace(LEAD, dirty=False),)))
MAPPED = VmaView("display", "m", "fb", True, True, (LEAD,), CPUS, "fb", 0, 1)
ATTACHED = AttachmentView("fb", "driver", "to_device", "", (replace(LEAD, writable=False, dirty=False),), ((),), ())


def fb(pages: int = 1, name: str = "fb") -> BufferView:
    return BufferView(name, "swapping", 1, "", tuple(replace(PAGE, where=f"ram#{page}") for page in range(pages)))


def told(
    *vmas: VmaView,
    attachments: tuple[AttachmentView, ...] = (),
    buffers: tuple[BufferView, ...] = (fb(),),
    width: int = 80,
    rows: int | None = None,
) -> list[str]:
    snapshot = Snapshot(0, 0, (), buffers, (), (), (DeviceView("gpu", 1, "later", attachments),), vmas)
    lines = translations(snapshot, width=width, rows=rows)
    assert rows is not None or len(lines) == height_of_translations(snapshot)
    return [text.plain.rstrip() for text in lines]


def test_a_row_tells_where_a_page_is_and_where_every_translation_of_it_leads() -> None:
    one = replace(ATTACHED, iotlbs=((replace(STALE, dirty=False),),))
    assert told(MAPPED, attachments=(one,)) == [
        "fb   is at  pte display.m rw  tlb cpu0  tlb cpu1  iopte gpu  iotlb",
        "[0]  ram#0  ram#0 wd          ram#0 wd  ram#0 w   ram#0 r    !ram#7 w",
    ]


def test_a_tlb_entry_whose_pte_is_gone_stands_beside_nothing() -> None:
    assert told(replace(MAPPED, ptes=(), tlbs=((3, (STALE,)),))) == [
        "fb   is at  pte display.m rw  tlb cpu3",
        "[0]  ram#0  -                 !ram#7 wd",
    ]


def test_what_is_not_mapped_any_more_and_still_leads_somewhere_is_gone() -> None:
    assert told(replace(MAPPED, mapped=False, ptes=(), tlbs=((3, (LEAD,)),), pages=0))[0] == (
        "fb   is at  pte display.m gone  tlb cpu3"
    )


def test_each_buffer_to_which_something_leads_has_a_table_of_its_own() -> None:
    readable = replace(MAPPED, name="n", writable=False, ptes=(), tlbs=(), buffer="gb")
    assert told(MAPPED, readable, buffers=(fb(), fb(name="gb"), fb(name="idle"))) == [
        "fb   is at  pte display.m rw  tlb cpu0  tlb cpu1",
        "[0]  ram#0  ram#0 wd          ram#0 wd  ram#0 w",
        "gb   is at  pte display.n r",
        "[0]  ram#0  -",
    ]
    assert told(buffers=(fb(),)) == []


def test_a_page_of_a_buffer_may_be_another_page_of_the_range() -> None:
    assert told(replace(MAPPED, tlbs=(), first=2), buffers=(fb(4),))[1] == "[2]  ram#2  ram#0 wd"


def test_pages_of_which_the_same_can_be_said_share_a_row() -> None:
    ptes = tuple(replace(LEAD, page=page, place=f"ram#{page}", dirty=page == 5) for page in range(6))
    assert told(replace(MAPPED, ptes=ptes, tlbs=(), pages=8), buffers=(fb(8),)) == [
        "fb      is at   pte display.m rw",
        "[0..4]  in ram  ram w",
        "[5]     ram#5   ram#5 wd",
        "[6..7]  in ram  -",
    ]


def test_pages_that_are_no_neighbours_share_no_row() -> None:
    ptes = (LEAD, replace(LEAD, page=5, place="ram#5"))
    left = replace(MAPPED, mapped=False, pages=0, ptes=ptes, tlbs=())
    assert told(left, buffers=(fb(8),))[1:] == ["[0]  ram#0  ram#0 wd", "[5]  ram#5  ram#5 wd"]


def test_what_is_stale_is_kept_where_there_is_no_room_for_all() -> None:
    ptes = tuple(replace(LEAD, page=page, place=f"ram#{page}", stale=page == 5) for page in range(0, 8, 2))
    stale = replace(MAPPED, ptes=(*ptes, replace(STALE, page=5)), tlbs=(), pages=8)
    assert told(stale, buffers=(fb(8),), rows=3)[1:] == ["[5]  ram#5  !ram#7 wd", "  + 7 more pages"]
    child = replace(MAPPED, process="child", tlbs=((0, (LEAD,)), (2, (STALE,))))
    assert told(MAPPED, child, width=45) == [
        "fb   is at  pte child.m rw  tlb cpu2   + 4",
        "[0]  ram#0  ram#0 wd        !ram#7 wd",
    ]
    fine, broken = replace(MAPPED, buffer="idle"), replace(MAPPED, ptes=(STALE,))
    assert told(fine, broken, buffers=(fb(name="idle"), fb()), rows=3)[-1] == "  + 1 more buffer"
    assert "!" in told(fine, broken, buffers=(fb(name="idle"), fb()), rows=2)[1]


SCENARIO = """
title = "x"
machine = { defects = ["flush-one-cpu"] }
cells = { touched = 0 }
[buffers.fb]
exporter = "swapping"
[[tasks]]
name = "display"
steps = [
  { do = "mmap", buffer = "fb", as = "m" },
  { do = "store", at = "m" },
  { do = "set", cell = "touched", value = 1 },
  { do = "wait", cell = "touched", value = 2 },
  { do = "load", at = "m" },
]
[[tasks]]
name = "sampler"
thread_of = "display"
cpu = 1
steps = [
  { do = "wait", cell = "touched", value = 1 },
  { do = "load", at = "m" },
  { do = "set", cell = "touched", value = 2 },
]
[[tasks]]
name = "evictor"
steps = [
  { do = "wait", cell = "touched", value = 2 },
  { do = "swap_out", buffer = "fb" },
]
"""


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_a_tlb_entry_that_was_not_flushed_can_be_read_on_any_screen(
    golden: Callable[[str, str], None], width: int, height: int
) -> None:
    moment = moment_of(program_of(SCENARIO), 48, (22, "sampler"), (31, "evictor"))
    golden(f"translations-{width}x{height}", drawn(moment, width, height))
