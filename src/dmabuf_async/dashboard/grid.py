"""A buffer as a grid: one cell a page, as much in each as there is room for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final, TypeAlias

from rich.text import Text

from dmabuf_async.dashboard.blocks import foremost
from dmabuf_async.dashboard.lines import BROKEN, fitted, line, widest
from dmabuf_async.dashboard.marks import MARKS, letter
from dmabuf_async.machine.snapshot import BufferView, PageView

_NAMED_LINES: Final = 2
"""Cells with the full names of places are for buffers that need no more lines than this."""
_NAMED_CELL: Final = 16
"""So wide is such a cell, about."""
_FULL_LINES: Final = 4
"""Cells with all signs are for buffers that need no more lines than this, where nobody says how many there may be."""
_WIDTHS: Final = (128, 64, 32, 16, 8, 4, 2, 1)
"""Pages in a line: one of these."""
_GROUP: Final = 8
"""Cells of a single sign stand together in groups of so many."""

_Cell: TypeAlias = tuple[str, str, str]
"""Where a page is, the style of that, and its signs."""


def named(buffer: BufferView, width: int) -> bool:
    """Whether the places of its pages are told by name, and not by a letter."""
    return len(buffer.pages) <= _NAMED_LINES * max(1, width // _NAMED_CELL)


def cells(buffer: BufferView, signs: Sequence[str]) -> list[Text]:
    """``[0] ram#0 kp``: the cell of each page, with the name of its place, all of one width."""
    made = [_named(page, index, said) for index, (page, said) in enumerate(zip(buffer.pages, signs, strict=True))]
    wide = widest(made, 40)
    return [fitted(cell, wide, pad=True) for cell in made]


def grid(buffer: BufferView, signs: Sequence[str], width: int, rows: int | None = None) -> list[Text]:
    """All pages in at most so many lines; ``signs`` are those of each.

    With the names of places, if that takes few lines; else a letter and all signs, ``Rkp``; else a letter and the sign
    that matters most, ``Rk``; else one of both, ``k``. Lines that are alike are folded. If it takes more lines still,
    those are left out in which least is said.
    """
    if named(buffer, width):
        lines = _side_by_side(cells(buffer, signs), width)
        if rows is None or len(lines) <= rows:
            return lines
    most = max(map(len, signs), default=0)
    ranked: list[tuple[int, int, Text]] = []
    for kept in sorted({most, min(most, 1), -1}, reverse=True):
        ranked = _folded(buffer.pages, signs, kept, width)
        if len(ranked) <= (_FULL_LINES if rows is None else rows):
            break
    return foremost(ranked, len(ranked) if rows is None else rows, "page", width)


def _named(page: PageView, index: int, said: str) -> Text:
    text = line(f"[{index}] ", "dim").append_text(line(page.where or "nowhere", _style(page)))
    return _signed(text.append(" " * bool(said)), said)


def _side_by_side(made: Sequence[Text], width: int) -> list[Text]:
    """Cells of one width in columns."""
    wide = max((cell.cell_len for cell in made), default=0)
    many = max(1, (width - 2 + 2) // (wide + 2))
    rows = [made[at : at + many] for at in range(0, len(made), many)]
    return [fitted(Text("  ").append_text(Text("  ", no_wrap=True).join(row)), width) for row in rows]


def _folded(pages: Sequence[PageView], signs: Sequence[str], kept: int, width: int) -> list[tuple[int, int, Text]]:
    """(rank, pages, line) of a grid with so many signs beside each letter; -1: a sign stands in the letter's place."""
    made = [(letter(page), _style(page), said[: abs(kept)]) for page, said in zip(pages, signs, strict=True)]
    lines: list[tuple[int, int, Text]] = []
    for many in _WIDTHS:
        if many == 1 or _wide(len(made), many, kept) <= width:
            lines = _rows(made, signs, kept, many)
            if max((text.cell_len for _, _, text in lines), default=0) <= width:
                break
    return [(rank, count, fitted(text, width)) for rank, count, text in lines]


def _wide(pages: int, many: int, kept: int) -> int:
    """The width of a line of so many pages, before it is known whether others are like it."""
    shown = min(many, pages)
    cells_of_it = shown * (2 + kept) - 1 if kept >= 0 else shown + (shown - 1) // _GROUP
    return 2 + _label(pages, many) + 2 + cells_of_it


def _label(pages: int, many: int) -> int:
    return len(f"[{max(0, pages - many)}..{pages - 1}]")


def _rows(made: Sequence[_Cell], signs: Sequence[str], kept: int, many: int) -> list[tuple[int, int, Text]]:
    """The same with so many pages in a line."""
    label = _label(len(made), many)
    parts = [(at, tuple(made[at : at + many])) for at in range(0, len(made), many)]
    lines = []
    for part, found in groupby(parts, lambda one: one[1]):
        alike = [at for at, _ in found]
        first, last = alike[0], min(len(made), alike[-1] + many) - 1
        head = f"[{first}]" if first == last else f"[{first}..{last}]"
        text = line(f"  {head:<{label}}  ", "dim").append_text(_line(part, kept))
        text.append(f"  x {len(alike)}" if len(alike) > 1 else "", "dim")
        lines.append((_rank(signs[first : last + 1]), last + 1 - first, text))
    return lines


def _line(part: Sequence[_Cell], kept: int) -> Text:
    text = Text(no_wrap=True)
    for index, (place, style, said) in enumerate(part):
        if kept < 0:
            text.append(" " if index and index % _GROUP == 0 else "")
            text = _signed(text, said) if said else text.append(place, style)
        else:
            text = _signed(text.append(place, style), said)
            text.append(" " * (1 + kept - len(said)))
    text.rstrip()
    return text


def _signed(text: Text, said: str) -> Text:
    for mark in MARKS:
        if mark.sign in said:
            text.append(mark.sign, mark.style)
    return text


def _style(page: PageView) -> str:
    return BROKEN if not page.where else "green" if page.resident else "bright_blue"


def _rank(signs: Sequence[str]) -> int:
    """The lower, the more is said of some page."""
    seen = set().union(*signs)
    return next((index for index, mark in enumerate(MARKS) if mark.sign in seen), len(MARKS))
