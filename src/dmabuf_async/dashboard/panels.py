"""Panels of what is: pure functions from a snapshot to lines of text.

``width`` is in cells; ``rows`` is the most lines that a panel may have, None for as
many as it needs. An empty list: there is nothing of the kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.lines import (
    BROKEN,
    SMALL,
    WAITING,
    WIDE,
    Cell,
    called,
    cut,
    fitted,
    hues,
    line,
    listed,
    more,
    row,
    widest,
)
from dmabuf_async.dashboard.reach import Reach, reach, reached
from dmabuf_async.machine.snapshot import ActorView, BufferView, PageView, SharedView, Snapshot, ZoneView

_STYLES: Final = {"ready": "green", "blocked": WAITING, "ended": "dim", "idle": "dim", "deadlock": BROKEN}
_LOCKS: Final = {"mutex", "spinlock", "rwsem"}
_GAUGE: Final = 16
"""A zone of more places than this is not drawn place by place where there is little room."""

# Actors ------------------------------------------------------------------------


def actors(snapshot: Snapshot, *, width: int, rows: int | None = None, current: str = "") -> list[Text]:
    """Who stands where: cpu, state, the op that comes next or what it waits for, what it holds.

    ``current`` made the latest step, and is marked ``>``. If not all fit, those that have
    ended or idle are left out first.
    """
    views = snapshot.actors
    kept = views if rows is None or len(views) <= rows else _foremost(views, max(0, rows - 1), current)
    hue = hues(snapshot)
    before = [_stands_before(actor) for actor in kept]
    holds = [_holds(actor, all_of_it=True) for actor in kept]
    name = widest((actor.name for actor in kept), width // 5)
    cpu = widest((_cpu(actor) for actor in kept), 5) if width >= SMALL else 0
    room = max(0, width - 2 - (2 + name) - (cpu and 2 + cpu) - (2 + 8) - 2)
    if width < SMALL:
        holds = [line("")] * len(kept)
    elif 2 + widest(before, room) + widest(holds, room) > room:
        holds = [_holds(actor, all_of_it=False) for actor in kept]
    held = min(widest(holds, room), max(room // 4, room - 2 - widest(before, room)))
    site = widest((actor.site for actor in kept), width * 2 // 5) if width >= WIDE else 0
    site = min(site, max(0, room - held - 4 - widest(before, room // 2)))
    site = site if site > 12 else 0  # less says nothing
    room -= (held and held + 2) + (site and site + 2)
    lines = []
    for actor, words, holding in zip(kept, before, holds, strict=True):
        state = "deadlock" if actor.stuck and actor.state != "ended" else actor.state
        dim = "dim" if state in {"ended", "idle"} else ""
        now = actor.name == current
        lines.append(
            line("> " if now else "  ", "bold").append_text(
                row(
                    width - 2,
                    Cell(name, called(actor.name, name), f"{hue.get(actor.name, '')} {'bold' if now else dim}"),
                    Cell(cpu, _cpu(actor), dim),
                    Cell(8, state, _STYLES.get(state, "")),
                    Cell(room, words),
                    Cell(held, holding),
                    Cell(site, actor.site, "dim"),
                )
            )
        )
    lines = [fitted(text, width) for text in lines]
    return [*lines, more(len(views) - len(kept), "actor")] if len(kept) < len(views) else lines


def _foremost(views: Sequence[ActorView], count: int, current: str) -> list[ActorView]:
    """The ``count`` actors that matter most now, in their own order."""
    rank = {"idle": 3, "ended": 4}
    order = sorted(
        views, key=lambda actor: 0 if actor.name == current else 1 if actor.stuck else rank.get(actor.state, 2)
    )
    chosen = {actor.name for actor in order[:count]}
    return [actor for actor in views if actor.name in chosen]


def _cpu(actor: ActorView) -> str:
    return "" if actor.cpu is None else f"cpu{actor.cpu}"


def _stands_before(actor: ActorView) -> Text:
    if actor.state == "ended":
        return line(f"by {actor.failure}", BROKEN) if actor.failure else line("")
    if actor.waits_for:
        return line(f"waits for {actor.waits_for}", "dim" if actor.state == "idle" else "")
    if actor.op:
        return line(actor.op, "dim" if actor.state == "idle" else "")
    return line("goes to its next step" if actor.site else "has not begun", "dim")


def _holds(actor: ActorView, *, all_of_it: bool) -> Text:
    """Pins and mappings are also told by the buffers, so they can be left out."""
    held = [line("atomic", "bold")] if actor.atomic else []
    held += [line(name, WAITING) for name in actor.locks]
    if all_of_it:
        held += [line(name) for name in _counted(f"pin {name}" for name in actor.pins)]
        held += [line(name) for name in _counted(f"kmap {name}" for name in actor.kmaps)]
    return listed(held)


def _counted(names: Iterable[str]) -> list[str]:
    """``importer``, ``mover (twice)``."""
    times = {1: "", 2: " (twice)"}
    return [name + times.get(count, f" ({count} times)") for name, count in Counter(names).items()]


# Buffers -----------------------------------------------------------------------


def buffers(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """Where each page is, what a move has taken for it, who pins it, and who has it mapped."""
    hue = hues(snapshot)
    views = snapshot.buffers
    table = reach(snapshot)
    runs = [_runs(buffer, table) for buffer in views]
    name = widest((buffer.name for buffer in views), width // 3)
    kind = widest((_exporter(buffer) for buffer in views), width // 4)
    total = sum(1 + len(found) for found in runs)
    if rows is not None and total > rows:
        fit = max(1, (rows - 1) // 2)  # so many buffers with a line for their pages each
        hidden = max(0, len(views) - fit)
        views, runs = views[:fit], runs[:fit]
        left = rows - bool(hidden) - len(views)
        lines = []
        for index, buffer in enumerate(views):
            share = min(len(runs[index]), max(1, left - sum(min(1, len(run)) for run in runs[index + 1 :])))
            left -= share
            lines += [
                _buffer(buffer, name, kind, width, hue),
                *_pages(runs[index], share, width, hue, table, buffer.name),
            ]
        return [*lines, more(hidden, "buffer")] if hidden else cut(lines, rows)
    return [
        text
        for buffer, found in zip(views, runs, strict=True)
        for text in (
            _buffer(buffer, name, kind, width, hue),
            *_pages(found, len(found), width, hue, table, buffer.name),
        )
    ]


def height_of_buffers(snapshot: Snapshot) -> int:
    """How many lines :func:`buffers` could fill."""
    table = reach(snapshot)
    return sum(1 + len(_runs(buffer, table)) for buffer in snapshot.buffers)


def _buffer(buffer: BufferView, name: int, kind: int, width: int, hue: dict[str, str]) -> Text:
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


def _runs(buffer: BufferView, table: Reach) -> list[list[tuple[int, PageView]]]:
    """Pages next to each other of which the same can be said."""

    def said(numbered: tuple[int, PageView]) -> Hashable:
        return _said(*numbered), tuple(table.get((buffer.name, numbered[0]), ()))

    return [list(found) for _, found in groupby(enumerate(buffer.pages), said)]


def _said(index: int, page: PageView) -> Hashable:
    moves = tuple((_zone(move.place), move.words) for move in page.moves)
    return _zone(page.where), page.newest, page.dirty, page.pins, moves, index if page.kmaps else -1


def _zone(place: str) -> str:
    return place.partition("#")[0]


def _pages(
    runs: Sequence[list[tuple[int, PageView]]], rows: int, width: int, hue: dict[str, str], table: Reach, buffer: str
) -> list[Text]:
    """A line a run; if there are too many, those in which most happens."""
    shown = list(runs)
    if len(runs) > rows:
        ranked = sorted(range(len(runs)), key=lambda index: _rank(runs[index][0][1]))
        shown = [runs[index] for index in sorted(ranked[: rows - 1])]
    names = [f"[{run[0][0]}]" if len(run) == 1 else f"[{run[0][0]}..{run[-1][0]}]" for run in shown]
    places = [_where(run[0][1], len(run)) for run in shown]
    name, place = widest(names, 12), widest(places, width * 3 // 5)
    lines = [
        row(
            width,
            Cell(name + 2, f"  {head}", "dim"),
            Cell(place, where),
            Cell(max(0, width - name - 2 - 2 - place - 2), _users(run[0][1], hue, table.get((buffer, run[0][0]), []))),
        )
        for run, head, where in zip(shown, names, places, strict=True)
    ]
    if len(shown) < len(runs):
        hidden = sum(map(len, runs)) - sum(map(len, shown))
        lines.append(more(hidden, "page"))
    return lines


def _rank(page: PageView) -> int:
    stale = any(kmap.stale for kmap in page.kmaps)
    return 0 if stale else 1 if page.moves else 2 if page.kmaps else 3 if page.pins else 4


def _where(page: PageView, pages: int) -> Text:
    """``ram#0``, ``ram#0 + swap#1 (1/2)``, ``in swap``."""
    if not page.where:
        text = line("nowhere", BROKEN)
    else:
        name = page.where if pages == 1 else f"in {_zone(page.where)}"
        text = line(name, "green" if page.resident else "bright_blue")
        if page.newest < page.words:
            text.append(f" ({page.newest}/{page.words} words newest)", WAITING)
        if page.dirty:
            text.append(f" {page.dirty} dirty line{'s' * (page.dirty > 1)}", WAITING)
    for move in page.moves:
        place = move.place if pages == 1 else _zone(move.place)
        text.append_text(line(f" + {place} ({move.words}/{page.words})", WAITING))
    return text


def _users(page: PageView, hue: dict[str, str], reaching: list[tuple[str, str, bool]]) -> Text:
    said = []
    if page.pins:
        pins = (line(pin, hue.get(pin, "")) for pin in dict.fromkeys(page.pins))
        counts = Counter(page.pins).values()
        names = (pin.append(f" ({count} times)" if count > 1 else "") for pin, count in zip(pins, counts, strict=True))
        said.append(Text("pinned by ", no_wrap=True).append_text(listed(names)))
    if page.kmaps:
        kmaps = []
        for kmap in page.kmaps:
            text = line(kmap.actor, hue.get(kmap.actor, "")).append(" atomic" * kmap.atomic)
            if kmap.stale:
                text.append_text(line(f" STALE, leads to {kmap.place or 'nothing'}", BROKEN))
            kmaps.append(text)
        said.insert(
            any(kmap.stale for kmap in page.kmaps) - 1 and len(said), Text("mapped by ").append_text(listed(kmaps))
        )
    said += reached(reaching, hue)
    return Text("   ", no_wrap=True).join(said)


# What is finite, and what is shared ------------------------------------------------


def memory(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """Each zone, place by place: the page that owns it, or a dot if it is free."""
    zones = [zone for zone in snapshot.zones if zone.total]
    name = widest((zone.name for zone in zones), width // 3)
    uses = [f"{zone.used} of {zone.total}{', full' * (zone.used >= zone.total)}" for zone in zones]
    use = widest(uses, width // 2)
    lines = [
        row(
            width,
            Cell(name, zone.name, "bold"),
            Cell(use, words, WAITING if zone.used >= zone.total else ""),
            Cell(max(0, width - name - 2 - use - 2), _owners(zone)),
        )
        for zone, words in zip(zones, uses, strict=True)
    ]
    return cut(lines, rows)


def _owners(zone: ZoneView) -> Text:
    """``fb[0..3] . . gb[0]``; more than eight free ones in a row are counted."""
    parts: list[Text] = []
    owners = [*zone.owners, *[""] * (zone.total - len(zone.owners))]
    for buffer, found in groupby(owners, lambda owner: owner.partition("[")[0]):
        run = list(found)
        if not buffer:
            parts += [line(f"({len(run)} free)", "dim")] if len(run) > 8 else [line(".", "dim")] * len(run)
        elif len(run) > 4:
            parts.append(line(f"{run[0].removesuffix(']')}..{run[-1].rpartition('[')[2]}"))
        else:
            parts += [line(owner) for owner in run]
    return Text(" ", no_wrap=True).join(parts)


def memory_in_brief(snapshot: Snapshot, *, width: int) -> Text:
    """The same in one line: ``ram ##.. 2/4   swap .... 0/4``, with squares."""
    parts = []
    for zone in snapshot.zones:
        if zone.total:
            full = zone.used >= zone.total
            gauge = f" {'■' * zone.used}{'·' * (zone.total - zone.used)}" if zone.total <= _GAUGE else ""
            text = line(zone.name, "bold").append(gauge, WAITING if full else "green")
            parts.append(text.append(f" {zone.used}/{zone.total}{' full' * full}", WAITING if full else ""))
    return fitted(Text("   ", no_wrap=True).join(parts), width)


def shared(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """Locks with who holds them and who waits for them, cells and counters with their value; a line each."""
    hue, waiting = hues(snapshot), _waiting(snapshot)
    name = widest((view.name for view in snapshot.shared), width // 2)
    kind = 8 if width >= SMALL + 10 else 0
    views = snapshot.shared
    if rows is not None and len(views) > rows:  # the last ones are not shown
        views = tuple(sorted(views, key=lambda view: _rank_of_shared(view, waiting)))
    return cut(
        [
            row(
                width,
                Cell(name, called(view.name, name), "bold"),
                Cell(kind, view.kind, "dim"),
                Cell(max(0, width - name - 2 - (kind and kind + 2)), _value(view, hue, "held by ", waiting)),
            )
            for view in views
        ],
        rows,
    )


def shared_in_brief(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """The same, as many in a line as there is room for, what is held first."""
    hue, waiting = hues(snapshot), _waiting(snapshot)
    views = sorted(snapshot.shared, key=lambda view: _rank_of_shared(view, waiting))
    parts = [
        line(called(view.name, width // 2), "bold").append(" ").append_text(_value(view, hue, "", waiting))
        for view in views
    ]
    lines: list[Text] = []
    for number, part in enumerate(parts):
        if lines and lines[-1].cell_len + 3 + part.cell_len <= width:
            lines[-1].append("   ").append_text(part)
        elif rows is not None and len(lines) == rows:
            left = more(len(parts) - number)
            lines[-1] = fitted(lines[-1], width - left.cell_len).append_text(left)
            break
        else:
            lines.append(part)
    return [fitted(text, width) for text in lines]


def _rank_of_shared(view: SharedView, waiting: Mapping[str, Sequence[str]]) -> tuple[bool, bool, bool]:
    """Those come first for which somebody waits, then locks, those that are held first."""
    return view.name not in waiting, view.kind not in _LOCKS, not view.value


def _waiting(snapshot: Snapshot) -> dict[str, list[str]]:
    """Who waits for each thing that has a name."""
    waiting: dict[str, list[str]] = {}
    for actor in snapshot.actors:
        if actor.waits_on:
            waiting.setdefault(actor.waits_on, []).append(actor.name)
    return waiting


def _value(view: SharedView, hue: dict[str, str], held: str, waiting: Mapping[str, Sequence[str]]) -> Text:
    if view.kind not in _LOCKS:
        text = line(view.value)
    elif not view.value:
        text = line("free", "dim")
    else:
        text = line(held, WAITING).append_text(line(view.value, hue.get(view.value, "")))
    if view.name in waiting:
        names = (line(name, hue.get(name, "")) for name in waiting[view.name])
        text.append(", wanted by " if view.kind in _LOCKS else ", awaited by ", WAITING).append_text(listed(names))
    return text
