"""An execution as a table: a column an actor, a row a step.

The table is data. `lines`, the dashboard and HTML render it, each in its way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from dmabuf_async.ops import waits
from dmabuf_async.trace.events import Event, Finding, Trace, locks

if TYPE_CHECKING:
    from dmabuf_async.explore.why import Why

_FOLDED: Final = 3
"""So many steps in a row, at least, are worth one row for all of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step, in the column of the actor that made it."""

    step: int
    """Counted from 1, over all steps, the hidden ones too; 0: what an actor waits to do in the end."""
    column: int
    """Index into `Lanes.columns`."""
    text: str
    """The op in words, and ``-> RESULT`` if that is worth showing."""
    note: str
    """``x CODE`` where the rule breaks, ``* before step 9`` where the order matters, ``< preempted here (1 of 2)``,
    with commas between them, or empty."""
    last: int = 0
    """Of several steps in one row: the number of the last of them."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The steps worth showing, in order, and how many are not shown."""

    columns: tuple[str, ...]
    """``display (cpu0)``: actors in canonical order, those of the environment last."""
    rows: tuple[Row, ...]
    hidden: int
    """Steps of the execution without a row, those after the finding too."""


def lanes(trace: Trace, finding: Finding | None, *, why: Why | None = None, every: bool = False) -> Lanes:
    """Lay out the steps that the finding depends on, up to the step where it was stated, and those of ``why``.

    Steps that an actor makes one after another at one place of its program, and that don't touch what the finding is
    about, share a row. With ``every``, or without a finding, all steps of the execution are laid out, a row each.
    Preemptions are counted over the whole execution, whatever is shown.
    """
    pairs = () if why is None else why.pairs
    waiting = trace.waiting if finding is not None and finding.code == "deadlock" else ()
    told: set[int] = set()
    if every or finding is None:
        shown = trace.events
    else:
        told = {step for pair in pairs for step in (pair.first.step, pair.second.step)}
        past = trace.causal_past(finding) | told
        shown = tuple(event for event in trace.events if event.step in past)
    heads = _heads(trace.actors, (*shown, *waiting))
    column = {actor: index for index, actor in enumerate(heads)}
    notes = _notes(trace, finding, why)
    if every or finding is None:
        rows = [_row(event, column, notes) for event in shown]
    else:
        about = {*finding.objects, *(name for pair in pairs for name in pair.objects)} - locks(shown)
        rows = [row for run in _runs(shown, told | {finding.step}, notes, about) for row in _rows(run, column, notes)]
    rows += [Row(0, column[event.actor], printable(waits(event.text)), "") for event in waiting]
    return Lanes(tuple(heads.values()), tuple(rows), len(trace.events) - len(shown))


def _notes(trace: Trace, finding: Finding | None, why: Why | None) -> dict[int, str]:
    """What there is to say of steps."""
    notes: dict[int, list[str]] = {}
    if finding is not None:
        notes[finding.step] = [f"x {finding.code}"]
    for pair in () if why is None else why.pairs:
        second = f"step {pair.second.step}" if pair.second.step else pair.second.actor
        notes.setdefault(pair.first.step, []).append(f"* before {second}")
        notes.setdefault(pair.second.step, []).append(f"* after step {pair.first.step}")
    for event in () if why is None else why.faults:
        notes.setdefault(event.step, []).append("* matters")
    preempting = [event.step for event in trace.events if event.preempts is not None]
    for number, step in enumerate(preempting, 1):
        notes.setdefault(step, []).append(f"< preempted here ({number} of {len(preempting)})")
    return {step: ", ".join(said) for step, said in notes.items()}


def _runs(
    shown: Sequence[Event], told: Collection[int], notes: Collection[int], about: set[str]
) -> Iterator[list[Event]]:
    """Steps one after another at one place of a program, and each step alone that has to be seen.

    So have all at a place where the finding is stated, or where the order matters.
    """
    places = {(event.actor, event.site) for event in shown if event.step in told}

    def place(event: Event) -> object:
        where = (event.actor, event.site)
        alone = event.step in notes or event.fault or not event.site or not event.writes.isdisjoint(about)
        return event.step if alone or where in places else where

    for _, run in groupby(shown, place):
        yield list(run)


def _rows(run: Sequence[Event], column: dict[str, int], notes: dict[int, str]) -> Iterator[Row]:
    if len(run) < _FOLDED:
        yield from (_row(event, column, notes) for event in run)
    else:
        kinds = (f"{kind} x{times}" if times > 1 else kind for kind, times in _counted(event.kind for event in run))
        text = printable(f".. {run[0].site}: {', '.join(kinds)}")
        yield Row(run[0].step, column[run[0].actor], text, "", run[-1].step)


def _counted(words: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each word, and how often it comes one after another."""
    for word, group in groupby(words):
        yield word, sum(1 for _ in group)


def _row(event: Event, column: dict[str, int], notes: dict[int, str]) -> Row:
    return Row(event.step, column[event.actor], worded(event), notes.get(event.step, ""))


def _heads(order: tuple[str, ...], shown: Iterable[Event]) -> dict[str, str]:
    """The head of each actor that has a step to show, as the columns stand."""
    cpus = {event.actor: event.cpu for event in shown}
    present = sorted(cpus, key=lambda actor: (cpus[actor] is None, order.index(actor)))
    return {a: printable(a if cpus[a] is None else f"{a} (cpu{cpus[a]})") for a in present}


def worded(event: Event) -> str:
    """A step in words, with its result if that is worth showing."""
    return printable(f"{event.text} -> {event.result}" if event.result else event.text)


def printable(text: str) -> str:
    """The text on one line, with what would move a terminal's cursor written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
