"""The whole screen: which panels, where, and how many lines for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rich.text import Text

from dmabuf_async.dashboard.drawing import Screen
from dmabuf_async.dashboard.lines import BROKEN, SMALL, WIDE, fitted, heading, line
from dmabuf_async.dashboard.panels.actors import actors
from dmabuf_async.dashboard.panels.buffers import buffers, height_of_buffers, legend
from dmabuf_async.dashboard.panels.devices import devices
from dmabuf_async.dashboard.panels.findings import findings
from dmabuf_async.dashboard.panels.locks import shared, shared_in_brief
from dmabuf_async.dashboard.panels.memory import memory, memory_in_brief
from dmabuf_async.dashboard.panels.steps import steps
from dmabuf_async.dashboard.panels.translations import LEGEND, height_of_translations, translations
from dmabuf_async.machine.snapshot import Snapshot
from dmabuf_async.trace.events import Event, Finding

_STOPPED: Final = {"ended": "ended", "deadlock": "deadlock", "cut": "cut at the step limit", "stopped": "stopped"}


_FOOT: Final = 12
"""A screen of fewer lines has none for the keys, nor for memory."""
_MOST: Final = 30
"""No screen has room for more findings."""


class Section(NamedTuple):
    """A panel with a heading that can be made as high as there is room for it."""

    title: str
    make: Callable[[int], list[Text]]
    """From the most lines that it may have."""
    wants: int
    """Lines that it could fill: 0 leaves it out."""
    least: int
    """Lines without which it is not worth showing."""
    aside: str = ""
    style: str = "bold"


def screen(
    snapshot: Snapshot,
    events: Sequence[Event],
    found: Sequence[Finding],
    width: int,
    height: int,
    *,
    title: str = "",
    status: str = "",
    keys: Sequence[tuple[str, str]] = (),
) -> Screen:
    """Everything that matters at one moment, in ``width`` by ``height`` cells.

    80 by 24 is enough for a few actors and buffers; a wide one shows also memory place by
    place, the steps in a column an actor, and where in their programs the actors are. A
    small one leaves out what matters least. ``events`` are the latest steps, as many as
    the caller likes. ``title`` says what is being run, ``status`` how; ``keys`` are those that
    can be pressed, each with what it does, for a last line where there is room for it.
    """
    arrange = _wide if width >= WIDE and height >= 30 else _narrow
    foot = [_foot(keys, width)] if keys and height >= _FOOT else []
    lines = [
        _head(snapshot, title, width, status),
        *arrange(snapshot, events, found, width, height - 1 - len(foot)),
    ]
    return Screen([*lines, *foot][:height])


def _foot(keys: Sequence[tuple[str, str]], width: int) -> Text:
    """``space pause   n on   b back``; those that matter most come first."""
    parts = [line(key, "bold").append(f" {word}", "dim") for key, word in keys]
    spaced = [Text(" " * gap, no_wrap=True).join(parts) for gap in (3, 2, 1)]
    return fitted(next((text for text in spaced if text.cell_len <= width), spaced[-1]), width)


def _head(snapshot: Snapshot, title: str, width: int, status: str) -> Text:
    facts = [status] if status else []
    facts.append(f"step {snapshot.step}")
    if snapshot.now:
        facts.append(f"time {snapshot.now}")
    if snapshot.stopped:
        facts.insert(0, _STOPPED.get(snapshot.stopped, snapshot.stopped))
    right = line("   ".join(facts))
    left = fitted(line(title or "dmabuf-async"), width - right.cell_len - 2, pad=True)
    gap = "  " if left else ""
    bold = "bold white on red" if snapshot.stopped == "deadlock" else "bold reverse"
    text = fitted(left.append(gap).append_text(right), width)
    text.stylize(bold)
    return text


def _narrow(
    snapshot: Snapshot, events: Sequence[Event], found: Sequence[Finding], width: int, height: int
) -> list[Text]:
    """One column; memory in one line, and what is shared in as few as possible."""
    brief_shared = shared_in_brief(snapshot, width=width)
    waits = Section(
        "locks and waits", lambda rows: shared_in_brief(snapshot, width=width, rows=rows), len(brief_shared), 1
    )
    brief = [memory_in_brief(snapshot, width=width)] if height >= _FOOT and snapshot.zones else []
    sections = [
        _actors(snapshot, events, width),
        _buffers(snapshot, width),
        _translations(snapshot, width),
        _devices(snapshot, width),
        waits,
        _steps(snapshot, events, found, width),
        _findings(snapshot, found, width),
    ]
    return [*brief, *_stack(sections, width, height - len(brief))]


def _wide(snapshot: Snapshot, events: Sequence[Event], found: Sequence[Finding], width: int, height: int) -> list[Text]:
    """Everything in full width, but for buffers, memory and locks, which are in two columns."""
    left = (width - 2) // 2
    right = width - 2 - left
    zones = sum(zone.total > 0 for zone in snapshot.zones)
    places = Section("memory", lambda rows: memory(snapshot, width=right, rows=rows), zones, 2)
    side = right if snapshot.buffers else left
    things = len(snapshot.shared)
    waits = Section("locks and waits", lambda rows: shared(snapshot, width=side, rows=rows), things, 2)
    columns = ([waits], [places])
    if snapshot.buffers:
        columns = ([_buffers(snapshot, left)], [places, waits])
    tall = max(sum(1 + section.wants for section in column if section.wants) for column in columns)
    machine = Section("", lambda _: [], tall, 6)  # only its height: the columns are put together below
    sections = [
        _actors(snapshot, events, width),
        machine,
        _translations(snapshot, width),
        _devices(snapshot, width),
        _steps(snapshot, events, found, width),
        _findings(snapshot, found, width),
    ]
    above, between, *below = _shares(sections, height + bool(tall))  # the machine's headings are its own
    beside = zip(_stack(columns[0], left, between), _stack(columns[1], right, between), strict=True)
    return [
        *_panel(sections[0], width, above),
        *(fitted(one, left, pad=True).append("  ").append_text(other) for one, other in beside),
        *(text for section, rows in zip(sections[2:], below, strict=True) for text in _panel(section, width, rows)),
    ]


# Sections ----------------------------------------------------------------------


def _actors(snapshot: Snapshot, events: Sequence[Event], width: int) -> Section:
    current = events[-1].actor if events else ""
    ended = sum(actor.state == "ended" for actor in snapshot.actors)
    return Section(
        "actors",
        lambda rows: actors(snapshot, width=width, rows=rows, current=current),
        len(snapshot.actors),
        4,
        aside=f"{ended} of {len(snapshot.actors)} ended" if ended else "",
    )


def _buffers(snapshot: Snapshot, width: int) -> Section:
    return Section(
        "buffers",
        lambda rows: buffers(snapshot, width=width, rows=rows),
        height_of_buffers(snapshot, width),
        2,
        aside=legend(snapshot, width, width - 18),
    )


def _devices(snapshot: Snapshot, width: int) -> Section:
    wants = len(devices(snapshot, width=width))
    return Section("devices", lambda rows: devices(snapshot, width=width, rows=rows), wants, 1)


def _translations(snapshot: Snapshot, width: int) -> Section:
    return Section(
        "translations",
        lambda rows: translations(snapshot, width=width, rows=rows),
        height_of_translations(snapshot),
        2,
        aside=LEGEND if width >= SMALL else LEGEND.partition("   ")[0],
    )


def _steps(snapshot: Snapshot, events: Sequence[Event], found: Sequence[Finding], width: int) -> Section:
    return Section(
        "steps",
        lambda rows: steps(snapshot, events, found, width=width, rows=rows),
        1 + len(events),
        3,
        aside="newest last",
    )


def _findings(snapshot: Snapshot, found: Sequence[Finding], width: int) -> Section:
    primary = sum(finding.primary for finding in found)
    follow = len(found) - primary
    over = bool(snapshot.stopped)
    return Section(
        "findings",
        lambda rows: findings(found, width=width, rows=rows, over=over),
        len(findings(found[:_MOST], width=width)),
        2 if found else 1,
        aside=", ".join(filter(None, (f"{primary} primary" * bool(primary), f"{follow} follow" * bool(follow)))),
        style=BROKEN if found else "bold",
    )


# Lines for each ------------------------------------------------------------------

_FIRST: Final = ("actors", "findings", "buffers", "steps", "translations", "devices")
"""What is kept longest when there is too little room for all."""


def _stack(sections: Sequence[Section], width: int, height: int) -> list[Text]:
    """Sections one below the other in exactly ``height`` lines."""
    shares = _shares(sections, height)
    lines = [text for section, rows in zip(sections, shares, strict=True) for text in _panel(section, width, rows)]
    return [*lines, *[Text(no_wrap=True)] * (height - len(lines))]


def _panel(section: Section, width: int, rows: int) -> list[Text]:
    """A heading, and exactly so many lines; nothing at all for none."""
    if rows <= 0:
        return []
    body = section.make(rows)[:rows]
    return [
        heading(section.title, width, style=section.style, aside=section.aside),
        *body,
        *[Text(no_wrap=True)] * (rows - len(body)),
    ]


def _shares(sections: Sequence[Section], height: int) -> list[int]:
    """How many lines each gets beside its heading, 0 for those for which there is no room at all.

    In turn, each gets what it cannot do without; then what it wants, the steps last, but no more than a
    third; then the rest. What nobody wants goes to the steps, so that findings stay at the bottom.
    """
    wants = [section.wants for section in sections]
    kept: list[int] = []
    room = height
    for index in sorted(range(len(sections)), key=lambda index: _importance(sections[index])):
        need = 1 + min(wants[index], sections[index].least)
        if wants[index] and (need <= room or (not kept and room > 1)):
            kept.append(index)
            room -= min(need, room)
    shares = [0] * len(sections)
    free = height - len(kept)
    third = [
        0 if section.title == "steps" else min(want, height // 3) for section, want in zip(sections, wants, strict=True)
    ]
    for goal in ([section.least for section in sections], third, wants):
        growing = True
        while growing:
            growing = False
            for index in sorted(kept):
                if shares[index] < min(wants[index], goal[index]) and sum(shares) < free:
                    shares[index] += 1
                    growing = True
    for index in kept:
        if sections[index].title == "steps":
            shares[index] += free - sum(shares)
    return shares


def _importance(section: Section) -> int:
    return _FIRST.index(section.title) if section.title in _FIRST else len(_FIRST)
