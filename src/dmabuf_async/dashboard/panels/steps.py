"""The panel of the latest steps: a list, or lanes where there is room for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.lines import BROKEN, WAITING, Cell, called, fitted, hues, line, noted, row, widest
from dmabuf_async.machine.snapshot import Snapshot
from dmabuf_async.trace.events import Event, Finding

_LANE: Final = 40
"""Cells that a column for each actor needs at least; with less, the steps are a list."""


def steps(
    snapshot: Snapshot,
    events: Sequence[Event],
    findings: Sequence[Finding] = (),
    *,
    width: int,
    rows: int | None = None,
) -> list[Text]:
    """The latest steps, newest last, in a column an actor if there is room for that.

    ``x`` marks those at which a rule broke, ``<`` those at which somebody was preempted.
    """
    if not events:
        return [line("nobody has made a step", "dim")]
    shown = events if rows is None else events[max(0, len(events) - rows) :]
    number = max(3, len(str(events[-1].step)))
    codes: dict[int, list[str]] = {}
    for finding in findings:
        codes.setdefault(finding.step, []).append(finding.code)
    who = {actor.name: actor.cpu for actor in snapshot.actors}
    who.update((event.actor, event.cpu) for event in events)
    acting = {event.actor for event in events}
    lanes = [name for name in who if name in acting]
    lane = (width - 2 - number) // len(lanes) - 2
    notes = {event.step: _notes(event, codes.get(event.step, ())) for event in shown}
    if lane >= _LANE and rows != 1:
        shown = shown[-(rows - 1) :] if rows is not None else shown
        table = [_heads(lanes, who, hues(snapshot), lane, number), *_columns(shown, lanes, notes, lane)]
    else:
        table = _list(shown, who, notes, hues(snapshot), width - 2 - number - 2)
    lines = [
        fitted(_margin(event, codes, number).append_text(text), width)
        for event, text in zip(shown, table[len(table) - len(shown) :], strict=True)
    ]
    return [*(fitted(head, width) for head in table[: len(table) - len(shown)]), *lines]


def _margin(event: Event, codes: Mapping[int, object], number: int) -> Text:
    return line("x " if event.step in codes else "  ", BROKEN).append(f"{event.step:{number}}  ", "dim")


def _heads(
    lanes: Sequence[str], cpus: Mapping[str, int | None], hue: Mapping[str, str], lane: int, number: int
) -> Text:
    heads = (Cell(lane, called(_name(name, cpus[name]), lane), f"bold {hue.get(name, '')}") for name in lanes)
    return Text(" " * (2 + number + 2), no_wrap=True).append_text(row((lane + 2) * len(lanes), *heads))


def _columns(
    shown: Sequence[Event], lanes: Sequence[str], notes: Mapping[int, Sequence[Text]], lane: int
) -> list[Text]:
    return [
        Text(" " * (lanes.index(event.actor) * (lane + 2)), no_wrap=True).append_text(
            noted(_did(event, shown), notes[event.step], lane, 0)
        )
        for event in shown
    ]


def _list(
    shown: Sequence[Event],
    cpus: Mapping[str, int | None],
    notes: Mapping[int, Sequence[Text]],
    hue: Mapping[str, str],
    width: int,
) -> list[Text]:
    names = {event.actor: _name(event.actor, cpus[event.actor]) for event in shown}
    name = widest(names.values(), width // 4)
    room = width - name - 2
    column = widest((_did(event, shown) for event in shown if notes[event.step]), room) + 2
    return [
        row(
            width,
            Cell(name, called(names[event.actor], name), hue.get(event.actor, "")),
            Cell(room, noted(_did(event, shown), notes[event.step], room, column)),
        )
        for event in shown
    ]


def _name(actor: str, cpu: int | None) -> str:
    return actor if cpu is None else f"{actor} (cpu{cpu})"


def _did(event: Event, shown: Sequence[Event]) -> Text:
    text = line(event.text, "bold" if event is shown[-1] else "")
    return text.append_text(line(f" -> {event.result}", "red" if event.fault else "dim")) if event.result else text


def _notes(event: Event, codes: Sequence[str]) -> list[Text]:
    notes = [line(f"x {code}", BROKEN) for code in dict.fromkeys(codes)]
    if event.preempts is not None:
        notes.append(line(f"< preempts {event.preempts}", WAITING))
    elif event.fault and event.cpu is not None:
        notes.append(line("< a fault of the environment", WAITING))
    return notes
