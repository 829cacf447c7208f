from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from rich.cells import cell_len

from dmabuf_async.dashboard.panels.campaign import CampaignView, Curve, FoundView, campaign

STEEP = ((0.0, 0), (5.0, 80), (10.0, 100))
DEADLOCK = FoundView("deadlock", "V11", "one", 1715, 2, expected=True)
STALE = FoundView("stale-pte", "P1", "mover", 1, 4711, expected=False)


def view(*found: FoundView, curve: tuple[tuple[float, int], ...] = STEEP, new: float | None = 0.05) -> CampaignView:
    classes = curve[-1][1]
    return CampaignView(10.0, 20_000, 900, classes, curve, new, None if new is None else 0.5, found)


def told(view: CampaignView, width: int = 80, rows: int = 16) -> list[str]:
    return [text.plain for text in campaign(view, width=width, rows=rows)]


def test_the_curve_rises_as_behaviours_come() -> None:
    lines = told(view())[1:7]
    heights = [sum(line[column] != " " for line in lines) for column in range(10, 80)]
    assert heights == sorted(heights)
    assert heights[0] < 2
    assert heights[34] == 5, "80 of 100 after half of the time"
    assert heights[-1] == 6
    assert lines[0].split()[0] == "100"


def test_nothing_new_is_a_flat_end() -> None:
    lines = told(view(curve=((0.0, 0), (1.0, 7), (10.0, 7))))[1:7]
    assert lines[0].rstrip().endswith("█" * 60)


def test_the_chance_of_something_new_is_told_with_its_bound() -> None:
    assert "something new in the next execution: 5 %, at most 50 % (95 % sure)" in told(view())
    assert any("cannot tell" in line for line in told(view(new=None)))


def test_what_is_not_expected_comes_before_what_is() -> None:
    first, second = told(view(DEADLOCK, STALE))[-2:]
    assert first.startswith("x stale-pte  P1  mover")
    assert first.rstrip().endswith("1 time, first in execution 4,711")
    assert second.startswith("- deadlock  V11  one")
    assert second.rstrip().endswith("1,715 times, first in execution 2  expected")


def test_where_there_is_no_room_for_both_whose_it_is_stays() -> None:
    named = replace(DEADLOCK, where="importer_of_the_screen, step 2 kmap")
    assert told(view(named), width=80)[-1].split() == [
        *["-", "deadlock", "V11", "importer_of_the_screen,", "step", "2", "kmap"], "1,715", "times", "expected",
    ]  # fmt: skip


def test_findings_for_which_there_is_no_room_are_counted() -> None:
    lines = told(view(*[STALE] * 20), rows=12)
    assert len(lines) == 12
    assert lines[-1].strip() == "+ 19 more findings"


@pytest.mark.parametrize("width", [20, 40, 80, 160])
@pytest.mark.parametrize("rows", [0, 5, 8, 11, 16, 40])
def test_it_keeps_to_its_room(width: int, rows: int) -> None:
    for one in (view(), view(DEADLOCK, STALE), view(*[STALE] * 20), view(curve=((0.0, 0), (10.0, 0)))):
        lines = told(one, width, rows)
        assert len(lines) <= rows
        assert all(cell_len(line) <= width for line in lines)


def test_a_long_curve_keeps_its_shape_in_little_room() -> None:
    curve = Curve(room=64)
    for second in range(100_000):
        curve.add(float(second), second)
    points = curve.points(100_000.0, 100_000)
    assert len(points) <= 66
    assert all(seconds == classes for seconds, classes in points)
    gaps = [after[0] - before[0] for before, after in pairwise(points)]
    assert max(gaps) < 10_000


def test_the_rate_is_that_of_all_the_time() -> None:
    assert view().rate == 2000
