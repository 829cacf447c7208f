"""The panel of findings: what broke, and what follows from it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from rich.text import Text

from dmabuf_async.dashboard.lines import BROKEN, fitted, line, more
from dmabuf_async.report.lanes import printable
from dmabuf_async.trace.events import Finding

_LINES_OF_A_FINDING: Final = 3


def findings(found: Sequence[Finding], *, width: int, rows: int | None = None, over: bool = False) -> list[Text]:
    """What broke: primary findings, marked ``x``, before what follows from them, marked ``-``.

    ``over``: the execution has ended, so nothing more will come.
    """
    if not found:
        return [line("none" if over else "none so far", "dim")]
    ordered = sorted(found, key=lambda finding: not finding.primary)
    whole = [text for finding in ordered for text in _finding(finding, width)]
    if rows is None or len(whole) <= rows:
        return whole
    lines = _finding(ordered[0], width, max(1, rows))
    told = 1
    while told < len(ordered) and (room := rows - len(lines) - (told + 1 < len(ordered))) > 0:
        lines += _finding(ordered[told], width, room)
        told += 1
    if told < len(ordered):
        hidden = more(len(ordered) - told)
        if len(lines) < rows:
            lines.append(hidden)
        else:
            lines[-1] = fitted(lines[-1], width - hidden.cell_len).append_text(hidden)
    return [fitted(text, width) for text in lines]


def _finding(finding: Finding, width: int, most: int = _LINES_OF_A_FINDING) -> list[Text]:
    head = printable(f"{'x' if finding.primary else '-'} {finding.code}  {finding.rule or 'program'}")
    words = printable(f"{head}  step {finding.step}: {finding.message}")
    wrapped = textwrap.wrap(
        words, max(20, width), subsequent_indent="  ", max_lines=min(most, _LINES_OF_A_FINDING), placeholder=" ...",
        drop_whitespace=True, break_on_hyphens=False,
    )  # fmt: skip
    lines = [line(text, "" if finding.primary else "dim") for text in wrapped]
    lines[0].stylize(BROKEN if finding.primary else "", 0, len(head))
    return [fitted(text, width) for text in lines]
