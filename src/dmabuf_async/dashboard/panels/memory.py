"""The panel of memory: each zone, and whose its places are."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.lines import WAITING, Cell, cut, fitted, line, row, widest
from dmabuf_async.machine.snapshot import Snapshot, ZoneView

_GAUGE: Final = 16
"""A zone of more places than this is not drawn place by place where there is little room."""


def memory(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """Each zone, place by place: the page that owns it, or a dot if it is free."""
    zones = [zone for zone in snapshot.zones if zone.total]
    name = widest((zone.name for zone in zones), width // 3)
    uses = [f"{zone.used} of {zone.total}{', full' * (zone.used >= zone.total)}" for zone in zones]
    use = widest(uses, width // 2)
    lines = [
        row(
            width,
            Cell(name, zone.name, "bold"),
            Cell(use, words, WAITING if zone.used >= zone.total else ""),
            Cell(max(0, width - name - 2 - use - 2), _owners(zone)),
        )
        for zone, words in zip(zones, uses, strict=True)
    ]
    return cut(lines, rows)


def _owners(zone: ZoneView) -> Text:
    """``fb[0..3] . . gb[0]``; more than eight free ones in a row are counted."""
    parts: list[Text] = []
    owners = [*zone.owners, *[""] * (zone.total - len(zone.owners))]
    for buffer, found in groupby(owners, lambda owner: owner.partition("[")[0]):
        run = list(found)
        if not buffer:
            parts += [line(f"({len(run)} free)", "dim")] if len(run) > 8 else [line(".", "dim")] * len(run)
        elif len(run) > 4:
            parts.append(line(f"{run[0].removesuffix(']')}..{run[-1].rpartition('[')[2]}"))
        else:
            parts += [line(owner) for owner in run]
    return Text(" ", no_wrap=True).join(parts)


def memory_in_brief(snapshot: Snapshot, *, width: int) -> Text:
    """The same in one line: ``ram ##.. 2/4   swap .... 0/4``, with squares."""
    parts = []
    for zone in snapshot.zones:
        if zone.total:
            full = zone.used >= zone.total
            gauge = f" {'■' * zone.used}{'·' * (zone.total - zone.used)}" if zone.total <= _GAUGE else ""
            text = line(zone.name, "bold").append(gauge, WAITING if full else "green")
            parts.append(text.append(f" {zone.used}/{zone.total}{' full' * full}", WAITING if full else ""))
    return fitted(Text("   ", no_wrap=True).join(parts), width)
