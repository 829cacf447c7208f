from __future__ import annotations

import pytest
from rich.cells import cell_len

from dmabuf_async.dashboard.panels.jobs import JobView, jobs

THREE = JobView("kmap/three-importers", 0.5, "6,751 at 1,831/s", "94 behaviours, 44 % new")
EIGHT = JobView("large/eight-actors", None, "shrinking", "1,234 replays, down to 3 preemptions")


def told(*views: JobView, width: int, rows: int | None = None) -> list[str]:
    return [text.plain.rstrip() for text in jobs(views, width=width, rows=rows)]


def test_a_line_tells_which_scenario_how_far_it_is_and_what_it_has_seen() -> None:
    assert told(THREE, EIGHT, width=100) == [
        "kmap/three-importers  ■■■■■■······  6,751 at 1,831/s  94 behaviours, 44 % new",
        "large/eight-actors    ············  shrinking         1,234 replays, down to 3 preemptions",
    ]


def test_names_are_shortened_before_what_was_seen() -> None:
    (line,) = told(THREE, width=76)
    assert line == "kmap/thre…importers  ■■■■■■······  6,751 at 1,831/s  94 behaviours, 44 % new"


def test_a_narrow_terminal_has_names_and_executions() -> None:
    assert told(THREE, width=46) == ["kmap/three-importers  6,751 at 1,831/s"]


def test_those_for_which_there_is_no_room_are_counted() -> None:
    assert told(*[THREE] * 9, width=80, rows=3)[-1] == "  + 7 more"


@pytest.mark.parametrize("width", [1, 10, 20, 40, 59, 60, 80, 160])
def test_it_keeps_to_its_room(width: int) -> None:
    assert all(cell_len(line) <= width for line in told(THREE, EIGHT, width=width))
    assert len(told(THREE, EIGHT, width=width, rows=1)) == 1
