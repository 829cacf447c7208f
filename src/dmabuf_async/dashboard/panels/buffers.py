"""The panel of buffers: each as a grid of its pages, a cell a page, and in words who pins and maps them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import groupby

from rich.text import Text

from dmabuf_async.dashboard.blocks import Block, foremost, stacked
from dmabuf_async.dashboard.grid import cells, grid, named
from dmabuf_async.dashboard.lines import BROKEN, WAITING, Cell, called, hues, line, listed, row, widest
from dmabuf_async.dashboard.marks import MARKS, marks, places
from dmabuf_async.machine.snapshot import BufferView, PageView, Snapshot

Run = list[int]
"""Pages next to each other of which the same can be said."""


def buffers(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """A head for each buffer, and below it its pages: where each is, and signs for what can be said of it.

    :func:`legend` tells the signs. Below the grid it says who pins and maps which pages, what is moved to where, what
    is torn or dirty; where few pages are to be shown, beside each. Of many, lines of a grid that are alike are folded.
    """
    hue = hues(snapshot)
    views = snapshot.buffers
    name = widest((buffer.name for buffer in views), width // 3)
    kind = widest((_exporter(buffer) for buffer in views), width // 4)
    return stacked([_block(snapshot, buffer, (name, kind, width), hue) for buffer in views], rows, "buffer", width)


def height_of_buffers(snapshot: Snapshot, width: int) -> int:
    """How many lines :func:`buffers` could fill."""
    return sum(_block(snapshot, buffer, (0, 0, width), {}).wants for buffer in snapshot.buffers)


def legend(snapshot: Snapshot, width: int, room: int) -> str:
    """What the signs in a panel of that width say, as many of them as there is room for."""
    signs = {sign for buffer in snapshot.buffers for said in marks(snapshot, buffer) for sign in said}
    lettered = [page for buffer in snapshot.buffers if not named(buffer, width) for page in buffer.pages]
    said = [*((mark.sign, mark.words) for mark in MARKS if mark.sign in signs), *places(lettered)]
    text = ""
    for sign, words in said:
        more = f"{'  ' * bool(text)}{sign} {words}"
        if len(text) + len(more) > room:
            break
        text += more
    return text


def _block(snapshot: Snapshot, buffer: BufferView, sizes: tuple[int, int, int], hue: dict[str, str]) -> Block:
    name, kind, width = sizes
    signs = marks(snapshot, buffer)
    notes = [(run, note) for run in _runs(buffer) if (note := _note(buffer.pages[run[0]], len(run), hue)).plain]
    whole = len(grid(buffer, signs, width))
    pages = len(buffer.pages)
    beside = pages == 1 or pages < whole + len(notes)

    def make(rows: int) -> list[Text]:
        head, room = _head(buffer, name, kind, width, hue), rows - 1
        if beside and pages <= room:
            return [head, *_beside(buffer, signs, notes, width)]
        drawn = grid(buffer, signs, width, max(1, room - min(len(notes), room // 2)))
        return [head, *drawn, *_below(buffer, notes, width, room - len(drawn))]

    rank = 0 if any("!" in said for said in signs) else 1 if any(signs) else 2
    return Block(1 + (pages if beside else whole + len(notes)), rank, make)


def _head(buffer: BufferView, name: int, kind: int, width: int, hue: dict[str, str]) -> Text:
    references = f"{buffer.references} reference{'s' * (buffer.references != 1)}"
    lock = line("lock free", "dim")
    if buffer.lock:
        lock = line("lock held by ", WAITING).append_text(line(buffer.lock, hue.get(buffer.lock, "")))
    pages = f"{len(buffer.pages)} page{'s' * (len(buffer.pages) != 1)}"
    return row(
        width,
        Cell(name, called(buffer.name, name), "bold"),
        Cell(len(pages), pages, "dim"),
        Cell(kind, _exporter(buffer), "dim"),
        Cell(len(references), references if buffer.references else "released", "dim" if buffer.references else BROKEN),
        Cell(lock.cell_len, lock),
    )


def _exporter(buffer: BufferView) -> str:
    return buffer.exporter or "no exporter"


def _beside(buffer: BufferView, signs: Sequence[str], notes: Sequence[tuple[Run, Text]], width: int) -> list[Text]:
    """A line a page: its cell, and what is said of it."""
    said = {page: note for run, note in notes for page in run}
    made = cells(buffer, signs)
    wide = widest(made, max(1, width // 2 - 2))
    room = width - 2 - wide - 2
    return [
        Text("  ", no_wrap=True).append_text(row(width - 2, Cell(wide, cell), Cell(room, said.get(page, ""))))
        for page, cell in enumerate(made)
    ]


def _below(buffer: BufferView, notes: Sequence[tuple[Run, Text]], width: int, rows: int) -> list[Text]:
    """What is said of which pages; where there is no room for all, of those in which most happens."""
    heads = [f"  [{run[0]}]" if len(run) == 1 else f"  [{run[0]}..{run[-1]}]" for run, _ in notes]
    head = widest(heads, 15)
    lines = [
        (_rank(buffer.pages[run[0]]), len(run), row(width, Cell(head, name, "dim"), Cell(width - head - 2, note)))
        for (run, note), name in zip(notes, heads, strict=True)
    ]
    return foremost(lines, rows, "page", width)


def _rank(page: PageView) -> int:
    stale = any(kmap.stale for kmap in page.kmaps)
    return 0 if stale else 1 if page.moves else 2 if page.kmaps else 3 if page.pins else 4


# In words ----------------------------------------------------------------------


def _runs(buffer: BufferView) -> list[Run]:
    found = (group for _, group in groupby(enumerate(buffer.pages), lambda numbered: _said(*numbered)))
    return [[index for index, _ in run] for run in found]


def _said(index: int, page: PageView) -> Hashable:
    moves = tuple((_zone(move.place), move.words) for move in page.moves)
    return _zone(page.where), page.newest, page.dirty, page.pins, moves, index if page.kmaps else -1


def _zone(place: str) -> str:
    return place.partition("#")[0]


def _note(page: PageView, pages: int, hue: dict[str, str]) -> Text:
    """``+ swap#1 (1/2)  1/2 words newest  mapped by copier atomic  pinned by importer (2 times)``."""
    said = []
    if page.moves:
        places = (
            f"{move.place if pages == 1 else _zone(move.place)} ({move.words}/{page.words})" for move in page.moves
        )
        said.append(line("+ ", WAITING).append_text(listed(line(place, WAITING) for place in places)))
    if page.where and page.newest < page.words:
        said.append(line(f"{page.newest}/{page.words} words newest", WAITING))
    if page.dirty:
        said.append(line(f"{page.dirty} dirty line{'s' * (page.dirty > 1)}", WAITING))
    if page.kmaps:
        kmaps = []
        for kmap in page.kmaps:
            text = line(kmap.actor, hue.get(kmap.actor, "")).append(" atomic" * kmap.atomic)
            if kmap.stale:
                text.append_text(line(f" STALE, leads to {kmap.place or 'nothing'}", BROKEN))
            kmaps.append(text)
        stale = any(kmap.stale for kmap in page.kmaps)
        said.insert(0 if stale else len(said), Text("mapped by ").append_text(listed(kmaps)))
    if page.pins:
        counts = Counter(page.pins)
        pins = (
            line(pin, hue.get(pin, "")).append(f" ({count} times)" if count > 1 else "")
            for pin, count in counts.items()
        )
        said.append(Text("pinned by ", no_wrap=True).append_text(listed(pins)))
    return Text("   ", no_wrap=True).join(said)
