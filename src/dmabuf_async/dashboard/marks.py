"""Signs for what can be said of a page, so that many pages fit on a screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from dmabuf_async.dashboard.lines import BROKEN, WAITING
from dmabuf_async.dashboard.tables import Table, tables
from dmabuf_async.machine.snapshot import BufferView, PageView, Snapshot


class Mark(NamedTuple):
    """A sign, and what it says."""

    sign: str
    words: str
    style: str = ""


MARKS: Final = (
    Mark("!", "stale", BROKEN),
    Mark(">", "moves", WAITING),
    Mark("~", "old", WAITING),
    Mark("*", "dirty", WAITING),
    Mark("k", "kmap"),
    Mark("p", "pin"),
    Mark("u", "pte"),
    Mark("i", "iopte"),
)
"""Those that matter most come first."""
_LETTERS: Final = {"ram": "R", "high": "H", "vram": "V", "swap": "S"}
_NOWHERE: Final = "."


def letter(page: PageView) -> str:
    """Where it is, in one letter; a dot: nowhere."""
    zone = page.where.partition("#")[0]
    return _LETTERS.get(zone, "?") if page.where else _NOWHERE


def places(pages: Iterable[PageView]) -> list[tuple[str, str]]:
    """The letters that are needed, and what each says."""
    needed = {letter(page) for page in pages}
    known = [*((sign, zone) for zone, sign in _LETTERS.items()), (_NOWHERE, "nowhere"), ("?", "elsewhere")]
    return [(sign, words) for sign, words in known if sign in needed]


def marks(snapshot: Snapshot, buffer: BufferView) -> list[str]:
    """The signs of each page, in the order of :data:`MARKS`."""
    found = tables(snapshot, buffer)
    return [_signs(page, index, found) for index, page in enumerate(buffer.pages)]


def _signs(page: PageView, index: int, found: Sequence[Table]) -> str:
    leading = [(table.kind, table.entries[index].stale) for table in found if index in table.entries]
    kinds = {kind for kind, _ in leading}
    said = {
        "!": any(stale for _, stale in leading) or any(kmap.stale for kmap in page.kmaps),
        ">": bool(page.moves),
        "~": bool(page.where) and page.newest < page.words,
        "*": bool(page.dirty),
        "k": bool(page.kmaps),
        "p": bool(page.pins),
        "u": "pte" in kinds,
        "i": "iopte" in kinds,
    }
    return "".join(mark.sign for mark in MARKS if said[mark.sign])
