"""The panel of a campaign: how fast it is, the curve of what it has seen, what is left to see, and what it found.

Pure, as all panels: from a :class:`CampaignView` to lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.lines import BROKEN, Cell, called, fitted, heading, line, more, row

_BARS: Final = " ▁▂▃▄▅▆▇█"
_CURVE: Final = 6
"""Lines that the curve has, at most."""
_AXIS: Final = 8
_LEAST: Final = 8
"""With fewer lines there is no panel."""


@dataclass(frozen=True, slots=True)
class FoundView:
    """A finding of a campaign."""

    code: str
    rule: str
    where: str
    """Whose, and of which step of the scenario."""
    times: int
    """Executions that showed it."""
    first: int
    """The number of the first of them."""
    expected: bool


@dataclass(frozen=True, slots=True)
class CampaignView:
    """How far the sampling of a scenario is."""

    seconds: float
    executions: int
    looked: int
    """Executions whose class was looked at."""
    classes: int
    """Happens-before classes that these are of: distinct behaviours."""
    curve: tuple[tuple[float, int], ...]
    """(seconds, classes), from the beginning on."""
    new: float | None = None
    """The chance that the next execution is of a new class; None: the sampler does not tell."""
    new_bound: float | None = None
    """It is not higher, with a confidence of 95 %."""
    found: tuple[FoundView, ...] = ()
    scenarios: int = 1
    """Of more than one, added up: what is left to see is told of each alone."""

    @property
    def rate(self) -> float:
        """Executions a second, on the average."""
        return self.executions / self.seconds if self.seconds else 0.0


class Curve:
    """Keeps a curve in little room: when there are too many points, every other one is left out."""

    def __init__(self, room: int = 512) -> None:
        self._room = room
        self._points: list[tuple[float, int]] = [(0.0, 0)]
        self._every = 0.0

    def add(self, seconds: float, classes: int) -> None:
        """So many were known after so many seconds."""
        if seconds - self._points[-1][0] < self._every:
            return
        self._points.append((seconds, classes))
        if len(self._points) > self._room:
            del self._points[1::2]
            self._every = 2 * seconds / self._room

    def points(self, seconds: float, classes: int) -> tuple[tuple[float, int], ...]:
        """All of it up to now."""
        return (*self._points, (seconds, classes))


def campaign(view: CampaignView, *, width: int, rows: int) -> list[Text]:
    """At most so many lines; none if there is room for too few."""
    if rows < _LEAST:
        return []
    high = min(_CURVE, rows - 6)
    chance = [_chance(view, width)] if view.scenarios == 1 else []
    found = _findings(view.found, width, rows - high - 3 - len(chance))
    looked = f"{view.looked:,} of {view.executions:,} executions looked at"
    count = sum(not one.expected for one in view.found)
    return [
        heading("distinct behaviours", width, aside=looked),
        *_curve(view, width, high),
        *chance,
        heading("findings", width, style=BROKEN if count else "bold", aside=f"{count} not expected" * bool(count)),
        *found,
    ]


# The curve -----------------------------------------------------------------------


def _curve(view: CampaignView, width: int, high: int) -> list[Text]:
    """Bars up to the classes that were known at each time, and below them the time."""
    wide = max(1, width - _AXIS - 1)
    top = max(1, view.classes)
    heights = [round(8 * high * _at(view.curve, view.seconds * (at + 1) / wide) / top) for at in range(wide)]
    lines = []
    for level in range(high):
        below = 8 * (high - 1 - level)
        label = f"{view.classes:,}" if level == 0 else "0" if level == high - 1 else ""
        bars = "".join(_BARS[max(0, min(8, one - below))] for one in heights)
        lines.append(fitted(line(f"{label:>{_AXIS}} ", "dim").append(bars, "cyan"), width))
    last = _seconds(view.seconds)
    lines.append(fitted(line(f"{'0 s':>{_AXIS + 3}}{last:>{max(0, wide - 3)}}", "dim"), width))
    return lines


def _at(curve: Sequence[tuple[float, int]], seconds: float) -> float:
    """How many were known then, between two points as a straight line."""
    before = curve[0]
    for point in curve:
        if point[0] >= seconds:
            span = point[0] - before[0]
            return point[1] if span <= 0 else before[1] + (point[1] - before[1]) * (seconds - before[0]) / span
        before = point
    return before[1]


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = int(seconds) // 60
    return f"{minutes} min {int(seconds) % 60} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _chance(view: CampaignView, width: int) -> Text:
    text = line("something new in the next execution: ")
    if view.new is None or not view.looked:
        return fitted(text.append("this sampler cannot tell", "dim"), width)
    text.append(percent(view.new), "bold")
    if view.new_bound is not None and view.new_bound < 1:
        text.append(f", at most {percent(view.new_bound)} (95 % sure)", "dim")
    return fitted(text, width)


def percent(chance: float) -> str:
    """``3.1 %``, with two digits."""
    return f"{100 * chance:.2g} %" if chance < 0.1 else f"{100 * chance:.0f} %"


# Findings ------------------------------------------------------------------------


def _findings(found: Sequence[FoundView], width: int, rows: int) -> list[Text]:
    """Those that are not expected come first."""
    if not found:
        return [line("none so far", "dim")]
    ordered = sorted(found, key=lambda one: one.expected)
    shown = ordered if len(ordered) <= rows else ordered[: max(0, rows - 1)]
    names = [f"{one.code}  {one.rule}  {one.where}".rstrip() for one in shown]
    told = [_told(one, first=True) for one in shown]
    room = width - 2 - max(map(len, told), default=0) - 2 - 8 - 2
    if max(map(len, names), default=0) > room:
        told = [_told(one, first=False) for one in shown]
        room = max(0, width - 2 - max(map(len, told), default=0) - 2 - 8 - 2)
    lines = [
        line("- " if one.expected else "x ", "" if one.expected else BROKEN).append_text(
            row(
                width - 2,
                Cell(room, called(name, room), "" if one.expected else BROKEN),
                Cell(max(map(len, told)), words, "dim"),
                Cell(8, "expected" * one.expected, "dim"),
            )
        )
        for one, name, words in zip(shown, names, told, strict=True)
    ]
    return [*lines, more(len(ordered) - len(shown), "finding")] if len(shown) < len(ordered) else lines


def _told(one: FoundView, *, first: bool) -> str:
    times = f"{one.times:,} time{'s' * (one.times != 1)}"
    return f"{times}, first in execution {one.first:,}" if first else times
