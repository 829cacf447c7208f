"""An execution as a table: a column an actor, a row a step.

The table is data. `lines`, the dashboard and HTML render it, each in its way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dmabuf_async.trace.events import Event, Finding, Trace


@dataclass(frozen=True, slots=True)
class Row:
    """One step, in the column of the actor that made it."""

    step: int
    """Counted from 1, over all steps, the hidden ones too."""
    column: int
    """Index into `Lanes.columns`."""
    text: str
    """The op in words, and ``-> RESULT`` if that is worth showing."""
    note: str
    """``x CODE`` where the rule breaks, ``< preempted here (1 of 2)``, both with a comma, or empty."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The steps worth showing, in order, and how many are not shown."""

    columns: tuple[str, ...]
    """``display (cpu0)``: actors in canonical order, those of the environment last."""
    rows: tuple[Row, ...]
    hidden: int
    """Steps of the execution without a row, those after the finding too."""


def lanes(trace: Trace, finding: Finding | None, *, every: bool = False) -> Lanes:
    """Lay out the steps that the finding depends on, up to the step where it was stated.

    With ``every``, or without a finding, all steps of the execution are laid out.
    Preemptions are counted over the whole execution, whatever is shown.
    """
    if every or finding is None:
        shown = trace.events
    else:
        past = trace.causal_past(finding.step)
        shown = tuple(event for event in trace.events if event.step in past)
    heads = _heads(trace.actors, shown)
    column = {actor: index for index, actor in enumerate(heads)}
    preempting = [event.step for event in trace.events if event.preempts is not None]
    notes = {step: f"< preempted here ({n} of {len(preempting)})" for n, step in enumerate(preempting, 1)}
    if finding is not None:
        notes[finding.step] = ", ".join(filter(None, (f"x {finding.code}", notes.get(finding.step))))
    rows = (Row(event.step, column[event.actor], _text(event), notes.get(event.step, "")) for event in shown)
    return Lanes(tuple(heads.values()), tuple(rows), len(trace.events) - len(shown))


def _heads(order: tuple[str, ...], shown: Iterable[Event]) -> dict[str, str]:
    """The head of each actor that has a step to show, as the columns stand."""
    cpus = {event.actor: event.cpu for event in shown}
    present = sorted(cpus, key=lambda actor: (cpus[actor] is None, order.index(actor)))
    return {a: printable(a if cpus[a] is None else f"{a} (cpu{cpus[a]})") for a in present}


def _text(event: Event) -> str:
    return printable(f"{event.text} -> {event.result}" if event.result else event.text)


def printable(text: str) -> str:
    """The text on one line, with what would move a terminal's cursor written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
