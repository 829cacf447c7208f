from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from dmabuf_async.dashboard.panels.buffers import buffers, height_of_buffers, legend
from dmabuf_async.machine.snapshot import BufferView, CopyView, KmapView, LeadView, PageView, Snapshot, VmaView

EMPTY = Snapshot(0, 0, (), (), ())
PAGE = PageView("ram#0", resident=True, words=2, newest=2)


def told(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def buffer(*pages: PageView, name: str = "fb") -> BufferView:
    return BufferView(name, "swapping", 1, "", tuple(replace(page) for page in pages))


def seen(*pages: PageView) -> Snapshot:
    return replace(EMPTY, buffers=(buffer(*pages),))


def in_ram(count: int) -> list[PageView]:
    return [replace(PAGE, where=f"ram#{number}") for number in range(count)]


def test_of_a_single_page_all_is_said_beside_it() -> None:
    page = replace(
        PAGE, pins=("a", "b", "a"), kmaps=(KmapView("b", "ram#0", atomic=True),), moves=(CopyView("swap#1", 1),)
    )
    assert told(buffers(seen(page), width=100))[1:] == [
        "  [0] ram#0 >kp  + swap#1 (1/2)   mapped by b atomic   pinned by a (2 times), b"
    ]


def test_a_few_pages_are_told_by_the_names_of_their_places_and_what_is_said_of_them_below() -> None:
    pages = in_ram(4)
    pages[2] = replace(pages[2], where="swap#3", resident=False, pins=("a",))
    assert told(buffers(seen(*pages), width=80))[1:] == [
        "  [0] ram#0     [1] ram#1     [2] swap#3 p  [3] ram#3",
        "  [2]  pinned by a",
    ]


def test_what_is_said_of_few_pages_stands_beside_each_if_that_takes_fewer_lines() -> None:
    one, two = in_ram(2)
    moving = [replace(one, moves=(CopyView("swap#0", 1),)), replace(two, pins=("a",))]
    assert told(buffers(seen(*moving), width=80))[1:] == [
        "  [0] ram#0 >  + swap#0 (1/2)",
        "  [1] ram#1 p  pinned by a",
    ]


def test_pages_of_which_the_same_can_be_said_share_a_line_of_words() -> None:
    pinned = [replace(page, pins=("a", "b")) for page in in_ram(3)]
    assert told(buffers(seen(*pinned), width=80))[2:] == ["  [0..2]  pinned by a, b"]
    moving = [replace(page, moves=(CopyView(f"swap#{number}", 0),)) for number, page in enumerate(in_ram(3))]
    assert told(buffers(seen(*moving), width=80))[2:] == ["  [0..2]  + swap (0/2)"]


def test_many_pages_are_a_grid_of_letters_and_signs_and_lines_alike_are_folded() -> None:
    pages = in_ram(512)
    pages[7] = replace(pages[7], where="swap#3", resident=False)
    pages[9] = replace(pages[9], newest=1, dirty=1)
    assert told(buffers(seen(*pages), width=90)) == [
        "fb  512 pages  swapping  1 reference  lock free",
        "  [0..15]     R   R   R   R   R   R   R   S   R   R~* R   R   R   R   R   R",
        "  [16..511]   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R  x 31",
        "  [9]  1/2 words newest   1 dirty line",
    ]


def test_where_there_is_no_room_for_all_words_those_stay_in_which_most_happens() -> None:
    pages = in_ram(9)
    pages[1] = replace(pages[1], pins=("a",))
    pages[3] = replace(pages[3], kmaps=(KmapView("a", "ram#7", stale=True),))
    pages[5] = replace(pages[5], moves=(CopyView("swap#0", 1),))
    pages[7] = replace(pages[7], kmaps=(KmapView("a", "ram#7", atomic=True),))
    snapshot = seen(*pages)
    assert len(buffers(snapshot, width=80)) == height_of_buffers(snapshot, 80) == 7
    assert told(buffers(snapshot, width=80, rows=6))[4:] == [
        "  [5]  + swap#0 (1/2)",
        "  + 2 more pages",
    ]
    assert told(buffers(snapshot, width=80, rows=6))[3] == "  [3]  mapped by a STALE, leads to ram#7"


def test_the_buffer_in_which_most_happens_stays_where_there_is_no_room_for_all() -> None:
    views = tuple(buffer(PAGE, name=f"b{number}") for number in range(4))
    moving = buffer(replace(PAGE, moves=(CopyView("swap#0", 1),)), name="m")
    lines = told(buffers(replace(EMPTY, buffers=(*views, moving)), width=80, rows=5))
    assert [line.split()[0] for line in lines] == ["b0", "[0]", "m", "[0]", "+"]
    assert lines[-1] == "  + 3 more buffers"


def test_a_page_that_is_nowhere_or_not_the_newest_says_so() -> None:
    gone = replace(PAGE, where="", resident=False, newest=0)
    old = replace(PAGE, newest=1)
    assert told(buffers(seen(gone, old), width=80))[1:] == [
        "  [0] nowhere  [1] ram#0 ~",
        "  [1]  1/2 words newest",
    ]


def test_a_released_buffer_says_so() -> None:
    released = replace(buffer(PAGE), references=0, exporter="", lock="mover")
    assert told(buffers(replace(EMPTY, buffers=(released,)), width=80))[0] == (
        "fb  1 page  no exporter  released      lock held by mover"
    )


def test_the_legend_tells_the_signs_and_letters_that_are_to_be_seen_and_no_other() -> None:
    pages = in_ram(20)
    assert legend(seen(*pages[:2]), 80, 60) == ""
    assert legend(seen(*pages), 80, 60) == "R ram"
    pages[4] = replace(pages[4], pins=("a",), where="")
    stale = LeadView(2, "ram#9", writable=True, stale=True)
    vma = VmaView("display", "m", "fb", True, True, (stale,), (), "fb", 0, 20)
    snapshot = replace(seen(*pages), vmas=(vma,))
    assert legend(snapshot, 80, 60) == "! stale  p pin  u pte  R ram  . nowhere"
    assert legend(snapshot, 80, 20) == "! stale  p pin"
