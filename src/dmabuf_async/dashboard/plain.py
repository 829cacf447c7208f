"""The dashboard for pipes and files: one line a step, nothing that moves a cursor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dmabuf_async.report.lanes import printable
from dmabuf_async.trace.events import Event, Finding


def step(event: Event) -> str:
    """``   12  mover(cpu1)  alloc slot for fb[0] -> swap#0``."""
    who = event.actor if event.cpu is None else f"{event.actor}(cpu{event.cpu})"
    result = f" -> {event.result}" if event.result else ""
    note = "" if event.preempts is None else f"  < preempts {event.preempts}"
    return printable(f"{event.step:5}  {who}  {event.text}{result}{note}")


def finding(found: Finding) -> str:
    """``x moved-while-pinned  step 12, V7: fb[0] is pinned by ...``; a consequence is marked ``-`` and says so."""
    rule = f", {found.rule}" if found.rule else ""
    follows = "" if found.primary else " (a consequence)"
    return printable(f"{'x' if found.primary else '-'} {found.code}  step {found.step}{rule}{follows}: {found.message}")


def lines(events: Sequence[Event], findings: Sequence[Finding]) -> Iterator[str]:
    """All of an execution: each finding after the step at which it was stated."""
    ahead = sorted(findings, key=lambda found: found.step)
    for event in events:
        yield step(event)
        while ahead and ahead[0].step <= event.step:
            yield finding(ahead.pop(0))
    for found in ahead:
        yield finding(found)
