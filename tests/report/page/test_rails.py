from __future__ import annotations

import pytest

from dmabuf_async.report.page.rails import bends
from dmabuf_async.trace.orders import Arrow


def arrow(first: int, second: int) -> Arrow:
    return Arrow(first, second, False, ())


@pytest.mark.parametrize(("columns", "gutter"), [((0, 1), 1), ((1, 0), 1), ((0, 3), 3), ((3, 0), 1), ((2, 1), 2)])
def test_an_arrow_goes_down_right_beside_its_second_actor_on_the_side_it_comes_from(
    columns: tuple[int, int], gutter: int
) -> None:
    (bend,) = bends([arrow(1, 2)], columns)
    assert (bend.source, bend.target, bend.gutter) == (*columns, gutter)


def test_two_arrows_side_by_side_in_a_gutter_have_slots_of_their_own() -> None:
    found = bends([arrow(1, 4), arrow(2, 5)], [0, 0, 0, 1, 1])
    assert [bend.slot for bend in found] == [0, 1]


def test_an_arrow_that_begins_where_another_ends_takes_its_slot() -> None:
    found = bends([arrow(1, 2), arrow(2, 3)], [0, 1, 0])
    assert [(bend.gutter, bend.slot) for bend in found] == [(1, 0), (1, 0)]


def test_a_slot_is_free_again_below_the_end_of_its_arrow() -> None:
    found = bends([arrow(1, 3), arrow(2, 6), arrow(4, 5)], [0, 0, 1, 0, 1, 1])
    assert [bend.slot for bend in found] == [0, 1, 0]
