"""The report of one execution as lines of text (the picture in DESIGN 7).

From top to bottom: what broke, the lanes, what else broke or followed, and the commands
to type next. ASCII only, as far as the names in the scenario are; no colour: each
line says in which style it may be shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, Literal

from dmabuf_async.report.lanes import Lanes, Row, lanes, printable

if TYPE_CHECKING:
    from dmabuf_async.explore.why import Pair, Why
    from dmabuf_async.trace.events import Event, Finding, Trace

Steps = Literal["all", "some", "none"]
"""Which steps are shown: ``some`` are those that matter."""

Style = Literal["finding", "head", "step", "dim", "note", "plain"]

_NARROWEST: Final = 60
_WIDEST: Final = 300
_PROSE: Final = 120
"""Sentences are not set wider than this, whatever the width."""
_LEAST_COLUMN: Final = 12
"""With less for each actor, lanes are harder to read than a list."""
_GAP: Final = 3
_HANG: Final = 2
"""What is wrapped goes on so much further in, to be told from the next step."""
_TOLD: Final = 5
"""So many of a kind are told one by one; more would bury the finding."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without a line break or blanks at its end."""

    text: str
    style: Style


def text(
    trace: Trace,
    finding: Finding | None,
    *,
    verdict: str,
    replay: str,
    why: Why | None = None,
    passes: str = "",
    width: int = 100,
    steps: Steps = "some",
) -> list[Line]:
    """The report: headline, lanes, the reason, other findings, and what to type next.

    ``verdict`` is what may be claimed, in words; ``replay`` the complete command
    line, and ``passes`` the one of the nearest execution that passes. ``width`` is in
    characters, 60 to 300, or else the nearer of these; no line is longer but the
    commands, which must survive being pasted. Without a
    ``finding`` there is no headline, and all steps are shown unless ``steps`` is ``none``.
    """
    width = min(max(width, _NARROWEST), _WIDEST)
    prose = min(width, _PROSE)
    table = lanes(trace, finding, why=why, every=steps == "all")
    report = [*_headline(finding, prose), Line("", "plain")] if finding is not None else []
    if trace.events and steps != "none":
        report += [*_lanes(table, width), Line("", "plain")]
    if why is not None:
        report += _tail("why", reason(why), prose)
    report += _others(trace, finding, prose)
    report += _tail("verdict", verdict, prose)
    report.append(Line(f"  replay   {replay}", "plain"))
    if why is not None and why.passing:
        report += _tail("passes", parting(why), prose)
        report.append(Line(f"  {'':9}{passes}", "plain"))
    if finding is not None:
        report.append(Line(f"  explain  dmabuf-async explain {finding.code}", "plain"))
    return report


def columns(trace: Trace, finding: Finding, *, why: Why | None = None, width: int = 100) -> list[Line]:
    """The lanes alone, with the steps that matter to the finding; ``width`` as of :func:`text`."""
    return _lanes(lanes(trace, finding, why=why), min(max(width, _NARROWEST), _WIDEST))


def _headline(finding: Finding, width: int) -> list[Line]:
    """``x code   message     rule V7``, the rule at the right edge."""
    head = f"x {finding.code}"
    rule = f"rule{'s' if ' ' in finding.rule else ''} {finding.rule}" if finding.rule else ""
    indent = len(head) + _GAP
    room = width - indent - (len(rule) + _GAP if rule else 0)
    if room >= min(len(finding.message), width // 2):
        first, *more = _wrap(finding.message, room)
        first = f"{head:{indent}}{first}"
    else:
        indent = _HANG
        first, more = head, _wrap(finding.message, width - indent)
    lines = [
        f"{first}{rule:>{width - len(first)}}" if rule else first,
        *(" " * indent + line for line in more),
    ]
    return [Line(line, "finding") for line in lines]


def _lanes(table: Lanes, width: int) -> list[Line]:
    """The layout with the fewest lines, and how much it hides."""
    lines = min(_layouts(table, width), key=len) if table.rows else []
    if table.hidden:
        steps = "step plays no part, or comes" if table.hidden == 1 else "steps play no part, or come"
        lines.append(Line(f"{'':8}{table.hidden} hidden {steps} later: --all", "dim"))
    elif any(row.last for row in table.rows):
        lines.append(Line(f"{'':8}every step in a row of its own: --all", "dim"))
    return lines


def _layouts(table: Lanes, width: int) -> list[list[Line]]:
    """Lanes with all notes at the right, and lanes with each note behind its text; else a list."""
    apart = [[row.text if column == row.column else "" for column in range(len(table.columns))] for row in table.rows]
    beside = [[*cells, row.note] for cells, row in zip(apart, table.rows, strict=True)]
    legible = [
        grid.lines()
        for grid in (
            _Grid((*table.columns, ""), beside, table.rows, width, notes_follow=False),
            _Grid(table.columns, apart, table.rows, width, notes_follow=True),
        )
        if grid.legible
    ]
    listed = [[table.columns[row.column], row.text] for row in table.rows]
    return legible or [_Grid(("who", "does"), listed, table.rows, width, notes_follow=True).lines()]


class _Grid:
    """Cells in columns, a row a step; what is too long for its column is wrapped in it."""

    def __init__(
        self,
        heads: Sequence[str],
        cells: Sequence[Sequence[str]],
        rows: Sequence[Row],
        width: int,
        *,
        notes_follow: bool,
    ) -> None:
        self._heads = heads
        self._cells = cells
        self._rows = rows
        self._width = width
        self._notes_follow = notes_follow
        self._gutter = max(5, *(len(_number(row)) for row in rows))
        self._wanted = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
        self._widths = _share(self._wanted, width - self._gutter - _GAP * len(heads))

    @property
    def legible(self) -> bool:
        """Whether no column had to become narrower than is good for reading."""
        return all(got >= min(wanted, _LEAST_COLUMN) for got, wanted in zip(self._widths, self._wanted, strict=True))

    def lines(self) -> list[Line]:
        lines = [Line(line, "head") for line in self._wrapped("", self._heads)]
        for row, cells in zip(self._rows, self._cells, strict=True):
            style: Style = (
                "finding" if row.note.startswith("x ") else "note" if row.note else "dim" if row.last else "step"
            )
            texts = list(self._wrapped(_number(row), cells))
            if row.note and self._notes_follow:
                texts[-1:] = self._with_note(texts[-1], row.note, cells.index(row.text))
            lines += [Line(line, style) for line in texts]
        return lines

    def _wrapped(self, step: str, cells: Sequence[str]) -> Iterator[str]:
        wrapped = [_wrap(cell, width, _HANG) for cell, width in zip(cells, self._widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=""):
            padded = (f"{'':{_GAP}}{part:{width}}" for part, width in zip(parts, self._widths, strict=True))
            yield f"{step:>{self._gutter}}{''.join(padded)}".rstrip()
            step = ""

    def _with_note(self, line: str, note: str, column: int) -> list[str]:
        """The note behind the text; or else below it, moved to the left as far as it must."""
        if len(line) + _GAP + len(note) <= self._width:
            return [f"{line}{'':{_GAP}}{note}"]
        left = self._gutter + _GAP
        start = left + sum(self._widths[:column]) + _GAP * column + _HANG
        start = max(left, min(start, self._width - len(note)))
        return [line, *(" " * start + part for part in _wrap(note, self._width - start))]


def _number(row: Row) -> str:
    return f"{row.step}-{row.last}" if row.last else str(row.step or "")


def reason(why: Why) -> str:
    """What a finding hangs on, in words: what was seen, and no more."""
    if why.faults:
        said = " and ".join(f"{_did(event)}{f' with {event.result}' if event.result else ''}" for event in why.faults)
        return f"it hangs on {said}; without that it holds"
    if why.pairs:
        said = " and ".join(_order(pair) for pair in why.pairs)
        return f"it hangs on this order: {said}; the other way round it holds"
    tried = f"{why.tried:,} other order{'s' * (why.tried != 1)} of conflicting ops"
    if why.alone:
        seen = f", and {tried} still show{'s' * (why.tried == 1)} it" if why.tried else ""
        return f"it is no race: it depends on no step of any other actor{seen}"
    if why.tried:
        return f"no order of two ops was seen to matter: {tried} still show{'s' * (why.tried == 1)} it"
    return "no other order of conflicting ops was seen"


def parting(why: Why) -> str:
    """Where the nearest execution that passes parts from the failing one."""
    if why.instead is None:
        return f"it ends before step {why.parts}:"
    return f"it parts from this one at step {why.parts}, where {why.instead.actor} goes on:"


def _order(pair: Pair) -> str:
    return f"{_did(pair.first)} comes before {_did(pair.second)}"


def _did(event: Event) -> str:
    return f"{event.actor}'s `{event.text}`{f' ({event.step})' if event.step else ''}"


def _others(trace: Trace, finding: Finding | None, width: int) -> Iterator[Line]:
    """What else broke by itself, and what followed."""
    for key, primary in (("also", True), ("then", False)):
        found = [other for other in trace.findings if other.primary is primary and other != finding]
        for other in found[:_TOLD]:
            rule = f" ({other.rule})" if other.rule else ""
            yield from _tail(key, f"{other.code} at step {other.step}{rule}: {other.message}", width)
        if len(found) > _TOLD:
            why = "that broke by themselves" if primary else "that follow from what broke first"
            yield from _tail(key, f"{len(found) - _TOLD} more findings {why}", width)


def _tail(key: str, value: str, width: int) -> list[Line]:
    first, *more = _wrap(value, width - 11)
    return [Line(f"  {key:9}{first}", "plain"), *(Line(f"{'':11}{line}", "plain") for line in more)]


def _share(wanted: Sequence[int], room: int) -> list[int]:
    """As much for each column as it wants; if that is too much, equally little for the widest."""
    widths = list(wanted)
    for done, index in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        widths[index] = min(wanted[index], max(1, room // (len(wanted) - done)))
        room -= widths[index]
    return widths


def _wrap(text: str, width: int, hang: int = 0) -> list[str]:
    r"""Break text between words, and a word longer than a line with a ``\`` where it is broken.

    All lines but the first are indented by ``hang``. There is always a first line.
    """
    lines: list[str] = []
    line = ""
    for word in printable(text).split():
        if line and len(line) + 1 + len(word) <= width:
            line += f" {word}"
            continue
        if line:
            lines.append(line)
        line = " " * hang if lines else ""
        rest = word
        while len(line) + len(rest) > width:
            cut = max(width - len(line) - 1, 1)
            lines.append(f"{line}{rest[:cut]}\\")
            line, rest = " " * hang, rest[cut:]
        line += rest
    return [*lines, line]
