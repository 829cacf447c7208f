from __future__ import annotations

from rich.text import Text

from dmabuf_async.dashboard.blocks import Block, foremost, stacked


def block(name: str, wants: int, rank: int = 0) -> Block:
    return Block(wants, rank, lambda rows: [Text(f"{name}{number}") for number in range(min(rows, wants))])


def told(lines: list[Text]) -> list[str]:
    return [line.plain for line in lines]


def test_each_block_gets_what_it_wants_if_there_is_room() -> None:
    assert told(stacked([block("a", 3), block("b", 1)], None, "block", 40)) == ["a0", "a1", "a2", "b0"]
    assert told(stacked([block("a", 3), block("b", 1)], 4, "block", 40)) == ["a0", "a1", "a2", "b0"]


def test_what_is_left_is_shared_evenly() -> None:
    blocks = [block("a", 9), block("b", 9), block("c", 2)]
    assert told(stacked(blocks, 9, "block", 40)) == ["a0", "a1", "a2", "a3", "b0", "b1", "b2", "c0", "c1"]


def test_blocks_of_the_highest_rank_are_left_out_and_counted() -> None:
    blocks = [block("a", 3, 2), block("b", 2, 0), block("c", 3, 1)]
    assert told(stacked(blocks, 5, "block", 40)) == ["b0", "b1", "c0", "c1", "  + 1 more block"]
    assert told(stacked(blocks, 4, "block", 40)) == ["b0", "b1", "c0", "c1  + 1 more block"]
    assert told(stacked(blocks, 2, "block", 40)) == ["b0", "b1  + 2 more blocks"]
    assert told(stacked(blocks, 1, "block", 40)) == ["b0  + 2 more blocks"]


def test_one_that_has_less_to_say_makes_way_for_one_that_has_more() -> None:
    assert told(stacked([block("a", 2, 2), block("b", 3, 0)], 4, "block", 40)) == ["b0", "b1", "b2", "  + 1 more block"]
    assert told(stacked([block("a", 2), block("b", 3)], 4, "block", 40)) == ["a0", "a1", "b0", "b1"]


def test_lines_of_the_lowest_rank_stay_in_their_order() -> None:
    lines = [(rank, pages, Text(f"{rank}")) for rank, pages in ((3, 1), (1, 4), (2, 8), (1, 16))]
    assert told(foremost(lines, 4, "page", 40)) == ["3", "1", "2", "1"]
    assert told(foremost(lines, 3, "page", 40)) == ["1", "1", "  + 9 more pages"]
    assert told(foremost(lines, 1, "page", 40)) == ["1  + 25 more pages"]
    assert foremost(lines, 0, "page", 40) == []
