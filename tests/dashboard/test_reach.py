from __future__ import annotations

from dmabuf_async.dashboard.panels import buffers, height_of_buffers, shared, shared_in_brief
from dmabuf_async.dashboard.reach import reach
from dmabuf_async.machine.snapshot import (
    ActorView,
    AttachmentView,
    BufferView,
    DeviceView,
    LeadView,
    PageView,
    SharedView,
    Snapshot,
    VmaView,
)

PAGE = PageView("ram#0", True, 2, 2)


def lead(page: int, *, stale: bool = False) -> LeadView:
    return LeadView(page, "ram#0", True, stale)


def snapshot(*vmas: VmaView, ioptes: tuple[LeadView, ...] = ()) -> Snapshot:
    attachment = AttachmentView("fb", "driver", "", "", ioptes, (), ())
    return Snapshot(
        step=1,
        now=0,
        actors=(),
        buffers=(BufferView("fb", "static", 1, "", (PAGE, PAGE, PAGE)),),
        zones=(),
        devices=(DeviceView("gpu", 1, "at once", (attachment,)),),
        vmas=vmas,
    )


def vma(process: str, *ptes: LeadView, first: int = 0) -> VmaView:
    return VmaView(process, "m", "fb", True, True, ptes, (), "fb", first)


def test_pages_of_a_range_are_those_of_the_buffer_from_its_first_on() -> None:
    assert reach(snapshot(vma("display", lead(0), first=2))) == {("fb", 2): [("pte", "display", False)]}


def test_each_page_tells_the_address_spaces_and_devices_that_reach_it() -> None:
    seen = snapshot(vma("display", lead(1)), vma("child", lead(1, stale=True)), ioptes=(lead(1), lead(2)))
    told = [text.plain for text in buffers(seen, width=100)]
    assert [text.split("ram#0")[1].strip() for text in told[1:]] == [
        "",
        "pte of display, child STALE   iopte of gpu",
        "iopte of gpu",
    ]
    assert height_of_buffers(seen) == len(told) == 4


def test_a_process_that_maps_a_page_twice_is_told_once() -> None:
    assert len(reach(snapshot(vma("display", lead(0)), vma("display", lead(0))))[("fb", 0)]) == 1


def test_who_waits_is_told_beside_what_it_waits_for() -> None:
    actors = tuple(ActorView(name, 0, "blocked", "", "", waits_on=on) for name, on in (("a", "fb.lock"), ("b", "turn")))
    things = (
        SharedView("free", "spinlock", ""),
        SharedView("turn", "cell", "0"),
        SharedView("fb.lock", "mutex", "evictor"),
    )
    seen = Snapshot(1, 0, actors, (), (), shared=things)
    assert [" ".join(text.plain.split()) for text in shared(seen, width=80)] == [
        "free spinlock free",
        "turn cell 0, awaited by b",
        "fb.lock mutex held by evictor, wanted by a",
    ]
    assert [text.plain.split("wanted by ")[-1].strip() for text in shared(seen, width=80, rows=2)] == ["a", "+ 2 more"]
    (brief,) = shared_in_brief(seen, width=100)
    assert brief.plain == "fb.lock evictor, wanted by a   turn 0, awaited by b   free free"
