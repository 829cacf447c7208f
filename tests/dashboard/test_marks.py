from __future__ import annotations

from dataclasses import replace

from dmabuf_async.dashboard.marks import MARKS, letter, marks, places
from dmabuf_async.machine.snapshot import (
    AttachmentView,
    BufferView,
    CopyView,
    DeviceView,
    KmapView,
    LeadView,
    PageView,
    Snapshot,
    VmaView,
)

PAGE = PageView("ram#0", resident=True, words=2, newest=2)
LEAD = LeadView(0, "ram#0", writable=True, stale=False)


def signs(page: PageView, *, vma: VmaView | None = None, attachment: AttachmentView | None = None) -> str:
    buffer = BufferView("fb", "swapping", 1, "", (page,))
    devices = () if attachment is None else (DeviceView("gpu", 1, "later", (attachment,)),)
    return marks(Snapshot(0, 0, (), (buffer,), (), (), devices, () if vma is None else (vma,)), buffer)[0]


def test_a_page_of_which_nothing_is_to_be_said_has_no_sign() -> None:
    assert signs(PAGE) == ""
    assert signs(replace(PAGE, where="", newest=0)) == ""


def test_each_thing_that_can_be_said_has_a_sign_those_that_matter_most_first() -> None:
    all_of_it = replace(
        PAGE,
        newest=1,
        pins=("a",),
        kmaps=(KmapView("a", "ram#1", stale=True),),
        moves=(CopyView("swap#0", 0),),
        dirty=1,
    )
    vma = VmaView("display", "m", "fb", True, True, (LEAD,), (), "fb", 0, 1)
    attachment = AttachmentView("fb", "driver", "to_device", "", (LEAD,), ((),), ())
    assert signs(all_of_it, vma=vma, attachment=attachment) == "".join(mark.sign for mark in MARKS) == "!>~*kpui"


def test_a_copy_of_a_translation_that_is_stale_is_a_sign_without_its_page_table() -> None:
    stale = replace(LEAD, stale=True)
    assert signs(PAGE, vma=VmaView("display", "m", "fb", True, True, (), ((1, (stale,)),), "fb", 0, 1)) == "!"
    assert signs(PAGE, attachment=AttachmentView("fb", "driver", "", "", (), ((stale,),), ())) == "!"


def test_every_kind_of_place_has_a_letter_of_its_own() -> None:
    pages = [replace(PAGE, where=where) for where in ("ram#0", "high#0", "vram#0", "swap#0", "", "disk#0")]
    assert [letter(page) for page in pages] == ["R", "H", "V", "S", ".", "?"]
    assert [words for _, words in places(reversed(pages))] == ["ram", "high", "vram", "swap", "nowhere", "elsewhere"]
    assert places(pages[:1]) == [("R", "ram")]
