"""The whole screen: which panels, where, and how many lines for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from dmabuf_async.dashboard import panels
from dmabuf_async.machine.snapshot import Snapshot
from dmabuf_async.report.lanes import printable
from dmabuf_async.trace.events import Event, Finding

_ASCII: Final = str.maketrans({"─": "-", "│": "|", "…": "~"})
_STOPPED: Final = {
    "ended": "ended",
    "deadlock": "over: deadlock",
    "cut": "cut at the step limit",
    "stopped": "stopped",
}


class Section(NamedTuple):
    """A panel with a heading that can be made as high as there is room for it."""

    title: str
    aside: str
    make: Callable[[int | None], Group]
    """From the most lines that it may have."""
    least: int
    """Lines without which it is not worth showing."""


class Screen:
    """What :func:`screen` returns: rendered in ASCII where the terminal knows nothing else."""

    def __init__(self, body: Group) -> None:
        self.body = body

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        segments = console.render(self.body, options)
        if not options.ascii_only:
            yield from segments
            return
        for text, style, control in segments:
            plain = text.translate(_ASCII)
            yield Segment(plain if plain.isascii() else _escaped(plain), style, control)


def screen(
    snapshot: Snapshot,
    events: Sequence[Event],
    findings: Sequence[Finding],
    width: int,
    height: int,
    *,
    title: str = "",
) -> Screen:
    """Everything that matters at one moment, in ``width`` by ``height`` cells.

    80 by 24 is enough for a few actors and buffers; a wide one shows also memory place by
    place, what is shared, and where in their programs the actors are. ``events`` are the
    latest steps, as many as the caller likes. ``title`` says what is being run.
    """
    head = _head(snapshot, title, width)
    arrange = _wide if width >= panels.WIDE and height >= 30 else _narrow
    lines = [head, *arrange(snapshot, events, findings, width, height - 1)]
    return Screen(Group(*lines))


def _head(snapshot: Snapshot, title: str, width: int) -> Text:
    facts = [f"step {snapshot.step}"]
    if snapshot.now:
        facts.append(f"time {snapshot.now}")
    if snapshot.stopped:
        facts.append(_STOPPED.get(snapshot.stopped, snapshot.stopped))
    right = Text("  ".join(facts))
    left = Text(printable(title) or "dmabuf-async", no_wrap=True)
    left.truncate(max(0, width - right.cell_len - 2), overflow="ellipsis", pad=True)
    return Text.assemble(left, "  ", right, style="bold", no_wrap=True)


def _narrow(
    snapshot: Snapshot, events: Sequence[Event], findings: Sequence[Finding], width: int, height: int
) -> list[Text | Table]:
    sections = _sections(snapshot, events, findings, width, width)
    del sections["memory"], sections["shared"]
    return [
        panels.memory_in_brief(snapshot, width=width),
        *_stack(list(sections.values()), width, height - 1),
    ]


def _wide(
    snapshot: Snapshot, events: Sequence[Event], findings: Sequence[Finding], width: int, height: int
) -> list[Text | Table]:
    """Actors and findings in full width; between them the machine to the left, steps to the right."""
    left = (width - 2) // 2
    right = width - 2 - left
    sections = _sections(snapshot, events, findings, left, width, right)
    machine = [sections[name] for name in ("buffers", "memory", "shared")]
    middle = sum(1 + _lines(section) for section in machine)
    middle = max(middle, 1 + min(len(events), height // 2))
    outer = [sections["actors"], Section("", "", sections["steps"].make, 0), sections["findings"]]
    above, between, below = _share([_lines(outer[0]), middle, _lines(outer[2])], [4, 10, 3], height - 2)
    table = Table.grid(padding=0)
    table.add_column(width=left, no_wrap=True)
    table.add_column(width=2)
    table.add_column(width=right, no_wrap=True)
    spare = max(0, height - 2 - above - between - below)
    between += spare
    table.add_row(Group(*_stack(machine, left, between)), "", Group(*_stack([sections["steps"]], right, between)))
    return [
        *_stack([sections["actors"]], width, above + 1),
        table,
        *_stack([sections["findings"]], width, below + 1),
    ]


def _sections(
    snapshot: Snapshot,
    events: Sequence[Event],
    findings: Sequence[Finding],
    left: int,
    full: int,
    right: int | None = None,
) -> dict[str, Section]:
    """All of them, in the order of a single column."""
    current = events[-1].actor if events else ""
    beside = full if right is None else right
    primary = sum(finding.primary for finding in findings)
    follow = len(findings) - primary
    found = ", ".join(filter(None, (f"{primary} primary" * bool(primary), f"{follow} follow" * bool(follow))))
    over = bool(snapshot.stopped)
    ended = sum(actor.state == "ended" for actor in snapshot.actors)
    living = f"{ended} of {len(snapshot.actors)} ended" if ended else ""
    return {
        section.title: section
        for section in (
            Section("actors", living, lambda n: panels.actors(snapshot, width=full, rows=n, current=current), 3),
            Section("buffers", "", lambda n: panels.buffers(snapshot, width=left, rows=n), 3),
            Section("memory", "", lambda n: panels.memory(snapshot, width=left, rows=n), 2),
            Section("shared", "", lambda n: panels.shared(snapshot, width=left, rows=n), 2),
            Section("steps", "newest last", lambda n: panels.steps(events, findings, width=beside, rows=n), 5),
            Section("findings", found, lambda n: panels.findings(findings, width=full, rows=n, over=over), 2),
        )
    }


def _stack(sections: Sequence[Section], width: int, height: int) -> list[Text]:
    """Sections one below the other in exactly ``height`` lines."""
    wants = [_lines(section) for section in sections]
    shares = _share(wants, [section.least for section in sections], height - len(sections))
    lines: list[Text] = []
    for section, rows in zip(sections, shares, strict=True):
        if rows > 0:
            body = [line for line in section.make(rows).renderables if isinstance(line, Text)][:rows]
            blank = [Text("")] * (rows - len(body))
            lines += [_heading(section, width), *body, *blank]
    return lines[:height] + [Text("")] * (height - len(lines))


def _lines(section: Section) -> int:
    return len(section.make(None).renderables)


def _share(wants: Sequence[int], least: Sequence[int], height: int) -> list[int]:
    """Give each what it cannot do without, then, in turn, what it wants."""
    shares = [0] * len(wants)
    for goal in (least, wants):
        growing = True
        while growing and sum(shares) < height:
            growing = False
            for index, want in enumerate(wants):
                if shares[index] < min(want, goal[index]) and sum(shares) < height:
                    shares[index] += 1
                    growing = True
    return shares


def _heading(section: Section, width: int) -> Text:
    aside = f" {section.aside} ──" if section.aside else ""
    line = f"── {section.title} "
    text = Text(line + "─" * max(0, width - len(line) - len(aside)) + aside, "dim", no_wrap=True)
    text.stylize("not dim bold", 3, 3 + len(section.title))
    return text


def _escaped(text: str) -> str:
    """ASCII of the same length: a screen is made of columns."""
    return "".join(character if character.isascii() else "?" for character in text)
