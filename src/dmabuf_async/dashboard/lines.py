"""What panels are made of: single lines of text with a known width.

Whatever comes from a scenario is written literally, and what would move a cursor
as an escape. Nothing here is ever wider than it was told to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.text import Text

from dmabuf_async.machine.snapshot import Snapshot
from dmabuf_async.report.lanes import printable

WIDE: Final = 110
"""From this width on, a panel has room for what is nice to know."""
SMALL: Final = 60
"""Below this width, it has room only for what cannot be done without."""
BROKEN: Final = "bold red"
"""A rule is broken here. Whatever a colour says, a word or a sign says, too."""
WAITING: Final = "yellow"
_HUES: Final = ("cyan", "magenta", "green", "bright_blue")
"""Actors are told apart by them, in every panel; red and yellow have a meaning of their own."""


class Cell(NamedTuple):
    """A part of a line: how wide, and what is in it."""

    width: int
    words: str | Text
    style: str = ""


def line(words: str, style: str = "") -> Text:
    """Words of whatever origin as a line of their own."""
    return Text(no_wrap=True).append(printable(words), style)


def row(width: int, *cells: Cell) -> Text:
    """Cells side by side, two blanks between them; what is too long ends in an ellipsis.

    A cell whose width is not positive is left out.
    """
    whole = Text(no_wrap=True)
    for number, cell in enumerate(cell for cell in cells if cell.width > 0):
        words = cell.words if isinstance(cell.words, Text) else line(cell.words, cell.style)
        whole.append("  " * bool(number)).append_text(fitted(words, cell.width, pad=True))
    whole.rstrip()
    return fitted(whole, width)


def fitted(text: Text, width: int, *, pad: bool = False) -> Text:
    """A copy of the text, cut to a width, and with ``pad`` filled up to it."""
    if width <= 0:
        return Text(no_wrap=True)
    copy = text.copy()
    copy.truncate(width, overflow="ellipsis", pad=pad)
    return copy


def called(name: str, width: int) -> str:
    """A name that is too long, with its middle left out: beginnings and ends tell names apart."""
    name = printable(name)
    if cell_len(name) <= width or width < 5:
        return name
    end = chop_cells(name[::-1], (width - 1) // 2)[0][::-1]
    return f"{chop_cells(name, width - 1 - cell_len(end))[0]}…{end}"


def noted(words: Text, notes: Sequence[Text], width: int, column: int) -> Text:
    """Words, and notes behind them, in ``column`` if they fit there.

    If there is not room for all, the last notes are left out, then the words are cut; the first
    note is what must be seen.
    """
    if not notes:
        return fitted(words, width)
    kept = len(notes)
    while kept > 1 and words.cell_len + 2 + _spaced(notes[:kept]).cell_len > width:
        kept -= 1
    note = _spaced(notes[:kept])
    at = max(0, min(max(column, words.cell_len + 2), width - note.cell_len))
    text = fitted(words, at - 2, pad=True).append("  ") if at > 2 else Text(no_wrap=True)
    return fitted(text.append_text(note), width)


def _spaced(parts: Iterable[Text]) -> Text:
    return Text("  ", no_wrap=True).join(parts)


def widest(words: Iterable[str | Text], most: int) -> int:
    """The width of the longest, but at most ``most``."""
    widths = (word.cell_len if isinstance(word, Text) else line(word).cell_len for word in words)
    return max(0, min(most, max(widths, default=0)))


def listed(parts: Iterable[Text]) -> Text:
    """Parts with a comma between them."""
    return Text(", ", no_wrap=True).join(parts)


def cut(lines: Sequence[Text], rows: int | None) -> list[Text]:
    """At most so many lines, the last of which says how many are missing."""
    if rows is None or len(lines) <= rows:
        return list(lines)
    kept = list(lines[: max(0, rows - 1)])
    return [*kept, more(len(lines) - len(kept))]


def more(count: int, of: str = "") -> Text:
    """Says that something is not shown: ``+ 2 more pages``."""
    return line(f"  + {count} more{of and ' '}{of}{'s' * bool(of and count != 1)}", "dim")


def hues(snapshot: Snapshot) -> dict[str, str]:
    """A style for the name of each actor; the environment and devices have none."""
    people = [actor.name for actor in snapshot.actors if actor.cpu is not None]
    return {name: _HUES[index % len(_HUES)] for index, name in enumerate(people)}


def heading(title: str, width: int, *, style: str = "bold", aside: str = "") -> Text:
    """A rule with a title at its left, and something to know at its right."""
    aside = f" {aside} ──" if aside else ""
    before = f"── {title} "
    text = line(before + "─" * (width - len(before) - len(aside)) + aside, "dim")
    text.stylize(f"not dim {style}", 3, 3 + len(title))
    return fitted(text, width)
