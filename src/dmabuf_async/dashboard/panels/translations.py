"""The panel of translations: where each page is, and where every copy of its translation leads.

One table a buffer: a row a page; beside the place where it is, the PTE of each address space with what the TLBs of the
CPUs hold of it, and the IOPTE of each device with what its IOTLBs hold of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import groupby
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.blocks import Block, chosen, ending, stacked
from dmabuf_async.dashboard.lines import BROKEN, Cell, called, fitted, hues, line, row, widest
from dmabuf_async.dashboard.tables import Table, tables
from dmabuf_async.machine.snapshot import BufferView, LeadView, Snapshot

LEGEND: Final = "! stale   r w: may be read, written   d: dirty   -: none"
_HEAD: Final = 9
"""Cells that the head of a column keeps, where there is no room for all of it."""


def translations(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """A head and a row a page for each buffer that something leads to, or is mapped.

    Pages next to each other of which the same can be said share a row. ``!`` marks what leads to where the page no
    longer is, and is kept longest where there is no room for all.
    """
    hue = hues(snapshot)
    return stacked([_block(buffer, found, width, hue) for buffer, found in _reached(snapshot)], rows, "buffer", width)


def height_of_translations(snapshot: Snapshot) -> int:
    """How many lines :func:`translations` could fill."""
    return sum(1 + len(_runs(buffer, found)) for buffer, found in _reached(snapshot))


def _reached(snapshot: Snapshot) -> list[tuple[BufferView, list[Table]]]:
    both = ((buffer, tables(snapshot, buffer)) for buffer in snapshot.buffers)
    return [(buffer, found) for buffer, found in both if any(table.entries or table.pages for table in found)]


def _runs(buffer: BufferView, found: Sequence[Table]) -> list[list[int]]:
    """Pages that something could lead to; those next to each other are together if the same can be said of them."""
    pages = sorted({page for table in found for page in (*table.entries, *table.pages)})

    def said(numbered: tuple[int, int]) -> Hashable:
        at, page = numbered
        return page - at, _zone(_where(buffer, page)), tuple(_said(table, page) for table in found)

    return [[page for _, page in run] for _, run in groupby(enumerate(pages), said)]


def _said(table: Table, page: int) -> Hashable:
    entry = table.entries.get(page)
    if entry is None:
        return page in table.pages
    return _zone(entry.place), entry.writable, entry.stale, entry.dirty


def _where(buffer: BufferView, page: int) -> str:
    return buffer.pages[page].where if page < len(buffer.pages) else ""


def _zone(place: str) -> str:
    return place.partition("#")[0]


def _block(buffer: BufferView, found: list[Table], width: int, hue: dict[str, str]) -> Block:
    runs = _runs(buffer, found)
    rank = 0 if any(table.stale for table in found) else 1 if any(table.entries for table in found) else 2

    def make(rows: int) -> list[Text]:
        return _drawn(buffer, found, runs, width, rows, hue)

    return Block(1 + len(runs), rank, make)


def _drawn(
    buffer: BufferView, found: list[Table], runs: list[list[int]], width: int, rows: int, hue: dict[str, str]
) -> list[Text]:
    whole = sum(map(len, runs))
    runs = [runs[index] for index in chosen([_rank(found, run) for run in runs], rows - 1)]
    names = [f"[{run[0]}]" if len(run) == 1 else f"[{run[0]}..{run[-1]}]" for run in runs]
    places = [_place(_where(buffer, run[0]), len(run)) for run in runs]
    name = max(widest(names, 13), widest([buffer.name], max(8, width // 8)))
    place = max(5, widest(places, 14))
    cells = [[_cell(table, run) for run in runs] for table in found]
    shown, hidden = _fitting(found, cells, width - name - 2 - place - 2)
    head = row(
        width,
        Cell(name, called(buffer.name, name), "bold"),
        Cell(place, "is at", "dim"),
        *(Cell(wide, _head(found[index], wide, hue)) for index, wide in shown),
        Cell(len(hidden), hidden, "dim"),
    )
    lines = [
        row(
            width,
            Cell(name, head_of_row, "dim"),
            Cell(place, where, BROKEN if where == "nowhere" else ""),
            *(Cell(wide, cells[index][at]) for index, wide in shown),
        )
        for at, (head_of_row, where) in enumerate(zip(names, places, strict=True))
    ]
    return [head, *ending(lines, whole - sum(map(len, runs)), rows - 1, "page", width)]


def _rank(found: Sequence[Table], run: Sequence[int]) -> int:
    entries = [table.entries[run[0]] for table in found if run[0] in table.entries]
    return 0 if any(entry.stale for entry in entries) else 1 if entries else 2


def _place(where: str, pages: int) -> str:
    return "nowhere" if not where else where if pages == 1 else f"in {_zone(where)}"


def _cell(table: Table, run: Sequence[int]) -> Text:
    entry = table.entries.get(run[0])
    if entry is None:
        return line("-" if run[0] in table.pages else "", "dim")
    place = entry.place if len(run) == 1 else _zone(entry.place)
    return line(f"{'!' * entry.stale}{place} {_bits(entry)}", BROKEN if entry.stale else "")


def _bits(entry: LeadView) -> str:
    return f"{'w' if entry.writable else 'r'}{'d' * entry.dirty}"


def _title(table: Table) -> str:
    return " ".join(filter(None, (table.kind, table.whose, table.may)))


def _head(table: Table, width: int, hue: dict[str, str]) -> Text:
    """What cannot be left out is whose it is."""
    whole = line(f"{table.kind} ", "dim").append_text(line(table.whose, hue.get(table.whose.partition(".")[0], "")))
    whole.append_text(line(f" {table.may}" if table.may else "", BROKEN if table.may == "gone" else "dim"))
    if whole.cell_len <= width or not table.whose:
        return fitted(whole, width)
    return line(called(table.whose, width), hue.get(table.whose.partition(".")[0], ""))


def _fitting(found: Sequence[Table], cells: Sequence[Sequence[Text]], room: int) -> tuple[list[tuple[int, int]], str]:
    """The columns for which there is room, with their widths, and what to say of the others.

    Heads are shortened first; then columns are left out, those that say nothing stale first, the last ones first.
    """
    least = [widest(column, 24) for column in cells]
    heads = [line(_title(table)).cell_len for table in found]
    wide = [max(pair) for pair in zip(least, heads, strict=True)]
    if sum(wide) + 2 * (len(wide) - 1) > room:
        wide = [max(cell, min(head, _HEAD)) for cell, head in zip(least, heads, strict=True)]
    kept = list(range(len(found)))
    stale = [table.stale for table in found]
    beside = [
        any(_same(found, index, other) and stale[other] for other in range(len(found))) for index in range(len(found))
    ]
    hidden = ""
    while len(kept) > 1 and sum(wide[index] + 2 for index in kept) - 2 + (len(hidden) and 2 + len(hidden)) > room:
        kept.remove(max(kept, key=lambda index: (not stale[index], not beside[index], index)))
        hidden = f"+ {len(found) - len(kept)}"
    spare = room - (sum(wide[index] + 2 for index in kept) - 2 + (len(hidden) and 2 + len(hidden)))
    for index in kept:  # heads grow again into what is left
        grown = min(max(0, spare), max(0, heads[index] - wide[index]))
        wide[index] += grown
        spare -= grown
    return [(index, min(wide[index], max(1, room))) for index in kept], hidden


def _same(found: Sequence[Table], one: int, other: int) -> bool:
    """Whether both are of one address space or device: a page table begins one."""
    low, high = sorted((one, other))
    return not any(found[index].kind in {"pte", "iopte"} for index in range(low + 1, high + 1))
