"""Which address spaces and devices reach each page of a buffer: from their page tables, told in a few words."""

from __future__ import annotations

from rich.text import Text

from dmabuf_async.dashboard.lines import BROKEN, line, listed
from dmabuf_async.machine.snapshot import LeadView, Snapshot

Reach = dict[tuple[str, int], list[tuple[str, str, bool]]]
"""By buffer and page: (``pte`` or ``iopte``, whose, stale)."""


def reach(snapshot: Snapshot) -> Reach:
    """Every entry of a page table that leads, or led, to a page of a buffer."""
    found: Reach = {}
    for vma in snapshot.vmas:
        for entry in vma.ptes:
            _add(found, (vma.buffer, vma.first + entry.page), "pte", vma.process, entry)
    for device in snapshot.devices:
        for one in device.attachments:
            for entry in one.ioptes:
                _add(found, (one.buffer, entry.page), "iopte", device.name, entry)
    return found


def _add(found: Reach, page: tuple[str, int], kind: str, whose: str, entry: LeadView) -> None:
    said = (kind, whose, entry.stale)
    reached = found.setdefault(page, [])
    if said not in reached:
        reached.append(said)


def reached(found: list[tuple[str, str, bool]], hue: dict[str, str]) -> list[Text]:
    """``pte of display and child``, ``iopte of gpu STALE``."""
    told = []
    for kind in ("pte", "iopte"):
        those = [(whose, stale) for of, whose, stale in found if of == kind]
        if those:
            names = (
                line(whose, hue.get(whose, "")).append_text(line(" STALE" * stale, BROKEN)) for whose, stale in those
            )
            told.append(line(f"{kind} of ").append_text(listed(names)))
    return told
