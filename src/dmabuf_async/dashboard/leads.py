"""Where translations lead, in a few words: PTEs, TLB entries, and those of devices."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from dmabuf_async.dashboard.lines import BROKEN, line
from dmabuf_async.machine.snapshot import LeadView


def leads(head: str, entries: Sequence[LeadView], *, bits: bool = False) -> Text:
    """``[0] ram#0``; of several pages those that are stale, and how many more there are.

    With ``bits`` also what is permitted, and the dirty bit: ``[0] ram#0 r``, ``w`` and ``wd``.
    """
    shown = [entry for entry in entries if entry.stale][:2] or list(entries[:2])
    text = line(head, "dim")
    for index, entry in enumerate(shown):
        text.append(" " if index else "")
        text.append_text(line(f"[{entry.page}] {entry.place}", BROKEN if entry.stale else ""))
        text.append(f" {'w' if entry.writable else 'r'}{'d' * entry.dirty}" if bits else "")
        text.append(" STALE" if entry.stale else "", BROKEN)
    left = len(entries) - len(shown)
    return text.append(f" + {left}", "dim") if left else text
