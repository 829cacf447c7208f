"""The panel of user mappings: what each process has mapped, where its PTEs lead, and what the TLBs hold of them."""

from __future__ import annotations

from rich.text import Text

from dmabuf_async.dashboard.leads import leads
from dmabuf_async.dashboard.lines import BROKEN, Cell, called, cut, hues, line, row, widest
from dmabuf_async.machine.snapshot import Snapshot, VmaView


def mappings(snapshot: Snapshot, *, width: int, rows: int | None = None) -> list[Text]:
    """A line for each range of addresses: whose it is, what is permitted, its PTEs, the TLB of each CPU."""
    hue = hues(snapshot)
    views = snapshot.vmas
    names = [f"{one.name} on {one.part}" for one in views]
    process = widest((one.process for one in views), width // 5)
    name = widest(names, width // 5)
    may = max((len(_may(one)) for one in views), default=0)
    room = max(0, width - process - 2 - name - 2 - may - 2)
    lines = [
        row(
            width,
            Cell(process, called(one.process, process), hue.get(one.process, "")),
            Cell(name, called(text, name), "bold"),
            Cell(may, _may(one), "" if one.mapped else BROKEN),
            Cell(room, _leading(one)),
        )
        for text, one in zip(names, views, strict=True)
    ]
    return cut(lines, rows)


def _may(one: VmaView) -> str:
    return "gone" if not one.mapped else "rw" if one.writable else "r"


def _leading(one: VmaView) -> Text:
    """What is stale comes first: there may be no room for all."""
    parts = [(one.ptes, leads("pte ", one.ptes, bits=True) if one.ptes else line("no pte", "dim"))]
    parts += [(entries, leads(f"cpu{number} ", entries, bits=True)) for number, entries in one.tlbs]
    parts.sort(key=lambda part: not any(entry.stale for entry in part[0]))
    return Text("  ", no_wrap=True).join(text for _, text in parts)
