"""The panel of what is explored at the same time: a line for each. Pure, as all panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.lines import SMALL, Cell, called, cut, fitted, line, row, widest

_GAUGE: Final = 12
_NAME: Final = 18
"""Cells that a name keeps."""


@dataclass(frozen=True, slots=True)
class JobView:
    """How far the exploration of one scenario is."""

    scenario: str
    done: float | None
    """The part of what was asked for, 0 to 1; None: it has no end that is known."""
    told: str
    """Executions and their rate, or what else it does."""
    seen: str = ""
    """What it has come to, if something counts that."""


def jobs(views: Sequence[JobView], *, width: int, rows: int | None = None) -> list[Text]:
    """A line for each: the scenario, a gauge of how far it is, executions, what it has seen."""
    gauge = _GAUGE if width >= SMALL else 0
    told = widest((view.told for view in views), width // 3 if width >= SMALL else width // 2)
    name = widest((view.scenario for view in views), max(1, min(width // 2, width - _taken(gauge, told))))
    room = width - name - _taken(gauge, told) - 2
    seen = widest((view.seen for view in views), max(0, room)) if width >= SMALL else 0
    if (short := widest((view.seen for view in views), width) - seen) > 0 and width >= SMALL:
        name -= min(short, max(0, name - _NAME))  # a name can be shortened better
        seen = max(0, width - name - _taken(gauge, told) - 2)
    lines = [
        row(
            width,
            Cell(name, called(view.scenario, name)),
            Cell(gauge, _gauge(view.done)),
            Cell(told, view.told, "dim"),
            Cell(seen, view.seen, "dim"),
        )
        for view in views
    ]
    return cut([fitted(text, width) for text in lines], rows)


def _taken(*cells: int) -> int:
    return sum(cell + 2 for cell in cells if cell)


def _gauge(done: float | None) -> Text:
    if done is None:
        return line("·" * _GAUGE, "dim")
    full = round(_GAUGE * max(0.0, min(1.0, done)))
    return line("■" * full, "green").append("·" * (_GAUGE - full), "dim")
