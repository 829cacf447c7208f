"""Blocks one below the other in little room: who gets how many lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.text import Text

from dmabuf_async.dashboard.lines import fitted, more


class Block(NamedTuple):
    """A head, and lines below it that can be made as many or as few as there is room for, but at least one."""

    wants: int
    """Lines that it could fill, its head among them."""
    rank: int
    """The lower, the longer it is kept."""
    make: Callable[[int], list[Text]]
    """From the most lines that it may have, 2 or more."""


def stacked(blocks: Sequence[Block], rows: int | None, of: str, width: int) -> list[Text]:
    """All of them, or as many as fit with two lines each, and how many more there are ``of`` the kind.

    One that has less to say makes way for one that has more.
    """
    if rows is None or sum(block.wants for block in blocks) <= rows:
        return [text for block in blocks for text in block.make(block.wants)]
    shares = [min(2, block.wants) for block in blocks]
    kept = sorted(range(len(blocks)), key=lambda index: blocks[index].rank)
    while len(kept) > 1 and (sum(shares[index] for index in kept) > rows or _starves(blocks, kept, shares, rows)):
        kept.pop()
    hidden = len(blocks) - len(kept)
    free = rows - sum(shares[index] for index in kept)
    free -= bool(hidden and free)
    while free > 0 and (growing := [index for index in kept if shares[index] < blocks[index].wants]):
        for index in growing[:free]:
            shares[index] += 1
            free -= 1
    lines = [text for index in sorted(kept) for text in blocks[index].make(shares[index])]
    return ending(lines[:rows], hidden, rows, of, width)


def _starves(blocks: Sequence[Block], kept: Sequence[int], shares: Sequence[int], rows: int) -> bool:
    """Whether the last one is of a higher rank than the first, which would not get all that it wants beside it."""
    first, last = blocks[kept[0]], blocks[kept[-1]]
    return last.rank > first.rank and first.wants + sum(shares[index] for index in kept[1:]) > rows


def foremost(lines: Sequence[tuple[int, int, Text]], rows: int, of: str, width: int) -> list[Text]:
    """At most so many of ``(rank, pages, line)``, in their order: those of the lowest rank.

    How many pages are left out is told in the end.
    """
    kept = chosen([rank for rank, _, _ in lines], rows)
    hidden = sum(pages for _, pages, _ in lines) - sum(lines[index][1] for index in kept)
    return ending([lines[index][2] for index in kept], hidden, rows, of, width)


def chosen(ranks: Sequence[int], rows: int) -> Sequence[int]:
    """Which of so many lines are kept in so many rows, where one is left to tell of the others, if there are any."""
    if len(ranks) <= rows or rows <= 0:
        return range(len(ranks) if rows > 0 else 0)
    return sorted(sorted(range(len(ranks)), key=ranks.__getitem__)[: max(1, rows - 1)])


def ending(lines: list[Text], hidden: int, rows: int, of: str, width: int) -> list[Text]:
    """Lines, and how many more things there are: in a line of its own if there is one left, else in the last."""
    if not hidden or not lines:
        return lines
    words = more(hidden, of)
    if len(lines) < rows:
        return [*lines, words]
    return [*lines[:-1], fitted(lines[-1], width - words.cell_len).append_text(words)]
