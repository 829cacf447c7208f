from __future__ import annotations

from dataclasses import replace

from dmabuf_async.dashboard.grid import cells, grid, named
from dmabuf_async.machine.snapshot import BufferView, PageView

PAGE = PageView("ram#0", resident=True, words=2, newest=2)


def buffer(count: int) -> BufferView:
    return BufferView("fb", "", 1, "", tuple(replace(PAGE, where=f"ram#{number}") for number in range(count)))


def told(count: int, said: dict[int, str], width: int, rows: int | None = None) -> list[str]:
    return [text.plain.rstrip() for text in grid(buffer(count), [said.get(at, "") for at in range(count)], width, rows)]


def test_cells_of_few_pages_have_the_names_of_places_and_one_width() -> None:
    assert [cell.plain for cell in cells(buffer(2), ["kp", ""])] == ["[0] ram#0 kp", "[1] ram#1   "]
    assert named(buffer(8), 80)
    assert not named(buffer(11), 80)
    assert told(4, {}, 34) == ["  [0] ram#0  [1] ram#1  [2] ram#2", "  [3] ram#3"]


def test_the_less_room_the_less_each_cell_says() -> None:
    said = {0: "kp", 3: "!", 40: ">p"}
    assert told(64, said, 80) == [
        "  [0..15]   Rkp R   R   R!  R   R   R   R   R   R   R   R   R   R   R   R",
        "  [16..31]  R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R",
        "  [32..47]  R   R   R   R   R   R   R   R   R>p R   R   R   R   R   R   R",
        "  [48..63]  R   R   R   R   R   R   R   R   R   R   R   R   R   R   R   R",
    ]
    assert told(64, {0: "kp", 20: "i", 40: ">p", 60: "u"}, 64, rows=4)[0] == (
        "  [0..15]   Rk R  R  R  R  R  R  R  R  R  R  R  R  R  R  R"
    )
    assert told(64, said, 80, rows=2) == [
        "  [0..31]   kRR!RRRR RRRRRRRR RRRRRRRR RRRRRRRR",
        "  [32..63]  RRRRRRRR >RRRRRRR RRRRRRRR RRRRRRRR",
    ]
    assert told(64, said, 80, rows=1) == ["  [0..31]   kRR!RRRR RRRRRRRR RRRRRRRR RRRRRRRR  + 32 more pages"]


def test_lines_alike_are_one_with_how_many_there_are() -> None:
    row = "  ".join("R" * 16)
    assert told(1024, {700: "p"}, 80) == [
        f"  [0..687]      {row}  x 43",
        "  [688..703]    R  R  R  R  R  R  R  R  R  R  R  R  Rp R  R  R",
        f"  [704..1023]   {row}  x 20",
    ]
