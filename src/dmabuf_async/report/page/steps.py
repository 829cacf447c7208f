"""The lanes of a page: a column an actor, a row a step, and the arrows of happens-before between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from dmabuf_async.report.lanes import Lanes, lanes
from dmabuf_async.report.page.markup import Html, escaped, joined, tag
from dmabuf_async.report.page.rails import Bend, bends
from dmabuf_async.trace.orders import Arrow

if TYPE_CHECKING:
    from dmabuf_async.explore.why import Why
    from dmabuf_async.trace.events import Finding, Trace

_HUES: Final = 6
"""Colours of actors in the style sheet."""
_MIDDLE: Final = "1em"
"""Where an arrow leaves a step and enters one: the middle of its first line."""
HEADS: Final = tag(
    "svg",
    tag(
        "defs",
        tag("path", id="to-the-right", d="M0 0 L-8 -4 L-8 4 Z"),
        tag("path", id="to-the-left", d="M0 0 L8 -4 L8 4 Z"),
    ),
    class_="heads",
    aria_hidden="true",
)
"""The heads of arrows, to stand once in a page."""


@dataclass(frozen=True)
class Steps:
    """The steps of an execution as a page shows them."""

    trace: Trace
    arrows: tuple[Arrow, ...]
    finding: Finding | None
    why: Why | None

    @cached_property
    def lanes(self) -> Lanes:
        """All steps, a row each, and what actors wait to do in the end."""
        return lanes(self.trace, self.finding, why=self.why, every=True)

    @cached_property
    def matter(self) -> frozenset[int]:
        """The steps that the finding depends on, and those that its reason names; all, if there is no finding."""
        if self.finding is None:
            return frozenset(event.step for event in self.trace.events)
        pairs = () if self.why is None else self.why.pairs
        told = {step for pair in pairs for step in (pair.first.step, pair.second.step)}
        return self.trace.causal_past(self.finding) | told

    @cached_property
    def deciding(self) -> dict[tuple[int, int], tuple[str, ...]]:
        """The orders that the finding hangs on: (row, row) to objects. What is waited for in the end has a row, too."""
        waiting = {event.actor: row for row, event in enumerate(self.trace.waiting, len(self.trace.events) + 1)}
        pairs = () if self.why is None else self.why.pairs
        rows = ((pair, pair.second.step or waiting.get(pair.second.actor, 0)) for pair in pairs)
        shown = len(self.lanes.rows)
        return {(pair.first.step, row): pair.objects for pair, row in rows if pair.first.step < row <= shown}

    @cached_property
    def drawn(self) -> tuple[Arrow, ...]:
        """The arrows, those that the finding hangs on among them."""
        known = {(arrow.first, arrow.second) for arrow in self.arrows}
        more = (Arrow(*rows, False, objects) for rows, objects in self.deciding.items() if rows not in known)
        return (*self.arrows, *more)

    def said(self, step: int) -> tuple[str, str]:
        """Who makes a step, with the CPU, and what it does."""
        row = self.lanes.rows[step - 1]
        return self.lanes.columns[row.column], row.text

    def notes(self, row: int) -> list[str]:
        """What there is to say of a row, from 1: ``x moved-while-pinned``, ``< preempted here (1 of 2)``."""
        shown = self.lanes.rows[row - 1]
        notes = shown.note.split(", ") if shown.note else []
        others = (one for one in self.trace.findings if one.step == shown.step and one != self.finding)
        return [*notes, *(f"{'x' if one.primary else '-'} {one.code}" for one in others if shown.step)]

    def after(self, row: int) -> list[str]:
        """What a row comes right after, of other actors, in words."""
        into = [arrow for arrow in self.drawn if arrow.second == row]
        return [f"after step {arrow.first} of {self.said(arrow.first)[0]}, {self._order(arrow)}" for arrow in into]

    def _order(self, arrow: Arrow) -> str:
        over = f"over {', '.join(arrow.objects)}" if arrow.objects else ""
        hangs = ", on which the finding hangs" if (arrow.first, arrow.second) in self.deciding else ""
        return f"{'synchronised' if arrow.synchronises else 'conflicting'} {over}".rstrip() + hangs

    def markup(self) -> Html:
        """The grid."""
        rows = self.lanes.rows
        columns = [row.column for row in rows]
        layout = bends(self.drawn, columns)
        into: dict[int, list[Bend]] = {}
        for bend in layout:
            into.setdefault(bend.arrow.second, []).append(bend)
        slots = Counter({bend.gutter: 0 for bend in layout})
        for bend in layout:
            slots[bend.gutter] = max(slots[bend.gutter], bend.slot + 1)
        count = len(self.lanes.columns)
        heads = (
            tag("li", name, class_=f"head hue{at % _HUES}", style=_area(0, _column(at)))
            for at, name in enumerate(self.lanes.columns)
        )
        items = (self._row(row, into.get(row, ()), slots) for row in range(1, len(rows) + 1))
        return tag(
            "ol",
            joined(heads),
            joined(items),
            class_=f"grid {'few' if count <= 2 else f'n{count}' if count <= 4 else 'many'}",
            style=f"--wide:{_tracks(count, slots, 'wide')};--narrow:{_tracks(count, slots, 'narrow')}",
        )

    def _row(self, row: int, into: Sequence[Bend], slots: Counter[int]) -> Html:
        shown = self.lanes.rows[row - 1]
        who, what = self.lanes.columns[shown.column], shown.text
        notes = self.notes(row)
        words = joined(
            (
                tag("span", f"{who}: ", class_="who"),
                tag("span", _with_arrows(what), class_="what"),
                joined(tag("span", f" {note}", class_=_kind(note)) for note in notes),
                tag("span", joined(f"; {said}" for said in self.after(row)), class_="only-heard"),
            )
        )
        place = f"grid-row:{row + 1};--column:{_column(shown.column)}"
        if shown.step:
            link = tag("a", words, class_="step", href=f"#step-{shown.step}", id=f"step-{shown.step}", style=place)
        else:
            link = tag("span", words, class_="step waits", style=place)
        idle = "" if not shown.step or shown.step in self.matter else " idle"
        return tag(
            "li",
            tag("span", str(shown.step or ""), class_="number", style=_area(row, 1), aria_hidden="true"),
            tag("span", class_="dot", style=_area(row, _column(shown.column))),
            link,
            joined(piece for bend in into for piece in self._pieces(bend, slots[bend.gutter])),
            class_=f"row hue{shown.column % _HUES}{idle}",
        )

    def _pieces(self, bend: Bend, slots: int) -> Iterator[Html]:
        """An arrow: sideways in its first row, down in its gutter, and into its second step."""
        arrow, right = bend.arrow, bend.target > bend.source
        told = self._order(arrow)
        deciding = " deciding" if (arrow.first, arrow.second) in self.deciding else ""
        kind = f"arrow {'synchronises' if arrow.synchronises else 'conflicts'}{deciding}"
        x = f"{100 * (bend.slot + 1) / (slots + 1):.0f}%"
        gutter = _column(bend.gutter) - 1
        start, end = ("0", "100%") if right else ("100%", "0")

        def piece(area: str, *lines: Html) -> Html:
            name = tag("title", f"step {arrow.first} before step {arrow.second}, {told}")
            return tag("svg", name, *lines, class_=kind, style=area, aria_hidden="true")

        if abs(bend.target - bend.source) > 1:
            first, last = (_column(bend.source) + 1, gutter) if right else (gutter + 1, _column(bend.source))
            yield piece(_area(arrow.first, first, last), _line("0", _MIDDLE, "100%", _MIDDLE))
        yield piece(
            f"grid-area:{arrow.first + 1}/{gutter}/{arrow.second + 1}/{gutter + 1}",
            _line(start, _MIDDLE, x, _MIDDLE),
            _line(x, _MIDDLE, x, "100%"),
        )
        head = tag("use", href=f"#to-the-{'right' if right else 'left'}", x=end, y=_MIDDLE)
        yield piece(_area(arrow.second, gutter), _line(x, "0", x, _MIDDLE), _line(x, _MIDDLE, end, _MIDDLE), head)


def _with_arrows(words: str) -> Html:
    """Words whose ``->`` no line break may part."""
    first, *others = words.split("->")
    return joined((first, *(joined((tag("span", "->", class_="whole"), other)) for other in others)))


def _column(actor: int) -> int:
    """The line of the grid at which the column of an actor begins."""
    return 3 + 2 * actor


def _area(row: int, column: int, end: int | None = None) -> str:
    return f"grid-area:{row + 1}/{column}/{row + 2}/{end or column + 1}"


def _line(x1: str, y1: str, x2: str, y2: str) -> Html:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2)


def _kind(note: str) -> str:
    return {"x": "note broken", "*": "note deciding", "<": "note preempted"}.get(note[0], "note")


def _tracks(count: int, slots: Counter[int], layout: str) -> Html:
    """Numbers, then gutter and column for each actor, and a last column for words where columns are too narrow."""
    tracks = " ".join(f"calc(var(--{layout}-gutter) * {1 + slots[at]}) var(--{layout}-column)" for at in range(count))
    return escaped(f"auto {tracks} calc(var(--{layout}-gutter) * {1 + slots[count]}) var(--{layout}-words)")
