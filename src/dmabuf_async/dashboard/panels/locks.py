"""The panel of locks and waits: who holds what is shared, and who wants it; cells and counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.lines import (
    SMALL,
    WAITING,
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
from dmabuf_async.machine.snapshot import SharedView, Snapshot

_LOCKS: Final = {"mutex", "spinlock", "rwsem"}


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
