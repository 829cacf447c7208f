from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from dmabuf_async.dashboard import panels
from dmabuf_async.machine.snapshot import (
    ActorView,
    BufferView,
    CopyView,
    KmapView,
    PageView,
    SharedView,
    Snapshot,
    ZoneView,
)

EMPTY = Snapshot(0, 0, (), (), ())
PAGE = PageView("ram#0", resident=True, words=2, newest=2)


def told(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def buffer(*pages: PageView, name: str = "fb") -> BufferView:
    return BufferView(name, "swapping", 1, "", tuple(replace(page) for page in pages))


def in_ram(count: int) -> list[PageView]:
    return [replace(PAGE, where=f"ram#{number}") for number in range(count)]


def test_pages_of_which_the_same_can_be_said_share_a_line() -> None:
    pages = in_ram(1024)
    pages[7] = replace(pages[7], where="swap#3", resident=False)
    snapshot = replace(EMPTY, buffers=(buffer(*pages),))
    assert told(panels.buffers(snapshot, width=80))[1:] == [
        "  [0..6]     in ram",
        "  [7]        swap#3",
        "  [8..1023]  in ram",
    ]
    pinned = replace(EMPTY, buffers=(buffer(*(replace(page, pins=("a", "b")) for page in pages[:3])),))
    assert told(panels.buffers(pinned, width=80))[1:] == ["  [0..2]  in ram  pinned by a, b"]
    moving = [replace(page, moves=(CopyView(f"swap#{number}", 0),)) for number, page in enumerate(in_ram(3))]
    assert told(panels.buffers(replace(EMPTY, buffers=(buffer(*moving),)), width=80))[1:] == [
        "  [0..2]  in ram + swap (0/2)"
    ]


def test_where_there_is_no_room_for_all_pages_those_stay_in_which_most_happens() -> None:
    pages = in_ram(9)
    pages[1] = replace(pages[1], pins=("a",))
    pages[3] = replace(pages[3], kmaps=(KmapView("a", "ram#7", stale=True),))
    pages[5] = replace(pages[5], moves=(CopyView("swap#0", 1),))
    pages[7] = replace(pages[7], kmaps=(KmapView("a", "ram#7", atomic=True),))
    snapshot = replace(EMPTY, buffers=(buffer(*pages),))
    assert len(panels.buffers(snapshot, width=80)) == panels.height_of_buffers(snapshot) == 10
    assert told(panels.buffers(snapshot, width=80, rows=5))[1:] == [
        "  [3]  ram#3                 mapped by a STALE, leads to ram#7",
        "  [5]  ram#5 + swap#0 (1/2)",
        "  [7]  ram#7                 mapped by a atomic",
        "  + 6 more pages",
    ]


def test_where_there_is_no_room_for_all_buffers_it_says_how_many_are_missing() -> None:
    snapshot = replace(EMPTY, buffers=tuple(buffer(PAGE, name=f"b{number}") for number in range(5)))
    lines = told(panels.buffers(snapshot, width=80, rows=5))
    assert [line.split()[0] for line in lines] == ["b0", "[0]", "b1", "[0]", "+"]
    assert lines[-1] == "  + 3 more buffers"


def test_a_page_that_is_nowhere_or_not_the_newest_says_so() -> None:
    gone = replace(PAGE, where="", resident=False, newest=0)
    old = replace(PAGE, newest=1)
    assert told(panels.buffers(replace(EMPTY, buffers=(buffer(gone, old),)), width=80))[1:] == [
        "  [0]  nowhere",
        "  [1]  ram#0 (1/2 words newest)",
    ]


def test_pins_are_counted() -> None:
    page = replace(PAGE, pins=("a", "b", "a"))
    assert told(panels.buffers(replace(EMPTY, buffers=(buffer(page),)), width=80))[1:] == [
        "  [0]  ram#0  pinned by a (2 times), b"
    ]


def test_a_released_buffer_says_so() -> None:
    released = replace(buffer(PAGE), references=0, exporter="", lock="mover")
    assert told(panels.buffers(replace(EMPTY, buffers=(released,)), width=80))[0] == (
        "fb  1 page  no exporter  released      lock held by mover"
    )


def actor(name: str, state: str = "ready", **more: object) -> ActorView:
    return replace(ActorView(name, 0, state, "lock m", ""), **more)  # type: ignore[arg-type]


def test_where_there_is_no_room_for_all_actors_the_current_and_the_stuck_stay_and_the_ended_go_first() -> None:
    views = (
        actor("ended", "ended"),
        actor("idle", "idle"),
        actor("ready"),
        actor("stuck", "blocked", stuck=True),
        actor("current", "ended"),
    )
    lines = told(panels.actors(replace(EMPTY, actors=views), width=80, rows=4, current="current"))
    assert [line.split()[:2] for line in lines[:-1]] == [["ready", "cpu0"], ["stuck", "cpu0"], [">", "current"]]
    assert lines[-1] == "  + 2 more actors"


def test_an_actor_tells_what_it_holds_and_what_it_ended_by() -> None:
    views = (
        actor("a", locks=("m",), pins=("fb", "fb"), kmaps=("fb[0]",), atomic=True),
        actor("b", "ended", op="", failure="ValueError: x"),
        actor("c", op=""),
        actor("d", op="", site="step 2"),
    )
    assert told(panels.actors(replace(EMPTY, actors=views), width=100)) == [
        "  a  cpu0  ready     lock m                                  atomic, m, pin fb (twice), kmap fb[0]",
        "  b  cpu0  ended     by ValueError: x",
        "  c  cpu0  ready     has not begun",
        "  d  cpu0  ready     goes to its next step",
    ]


def test_memory_is_told_place_by_place_and_long_runs_in_short() -> None:
    zones = (
        ZoneView("ram", 7, 8, ("fb[0]", "fb[1]", "fb[2]", "fb[3]", "fb[4]", "gb[0]", "", "fb[5]")),
        ZoneView("high", 0, 0),
        ZoneView("swap", 1, 30, ("fb[9]",)),
        ZoneView("kmap slots", 2, 2, ("high#0", "high#1")),
    )
    snapshot = replace(EMPTY, zones=zones)
    assert told(panels.memory(snapshot, width=80)) == [
        "ram         7 of 8        fb[0..4] gb[0] . fb[5]",
        "swap        1 of 30       fb[9] (29 free)",
        "kmap slots  2 of 2, full  high#0 high#1",
    ]
    assert told(panels.memory(snapshot, width=80, rows=2))[-1] == "  + 2 more"
    assert panels.memory_in_brief(snapshot, width=80).plain == "ram ■■■■■■■· 7/8   swap 1/30   kmap slots ■■ 2/2 full"


def test_in_little_room_what_is_held_comes_first() -> None:
    shared = (
        SharedView("count", "counter", "3"),
        SharedView("m", "mutex", ""),
        SharedView("fb.lock", "mutex", "mover"),
    )
    snapshot = replace(EMPTY, shared=shared)
    assert told(panels.shared_in_brief(snapshot, width=80)) == ["fb.lock mover   m free   count 3"]
    assert told(panels.shared_in_brief(snapshot, width=25)) == ["fb.lock mover   m free", "count 3"]
    assert told(panels.shared_in_brief(snapshot, width=25, rows=1)) == ["fb.lock mover …  + 1 more"]
    assert told(panels.shared(snapshot, width=80)) == [
        "count    counter   3",
        "m        mutex     free",
        "fb.lock  mutex     held by mover",
    ]
