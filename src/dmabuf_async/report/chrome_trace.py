"""An execution as Chrome trace JSON ("JSON Object Format"), which Perfetto and chrome://tracing open.

A process is a CPU, and one more is the environment with the devices; a thread is an actor. A step is a slice of one
microsecond, as nothing in an execution has a length: time is the number of the step. What an actor waits for between
two of its steps is a slice too. Arrows of synchronisation order (unlock to lock, spawn, signal to wait, an IPI and its
answer, a transfer and its completion) are flows, and findings are instant events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.report.lanes import worded

if TYPE_CHECKING:
    from dmabuf_async.explore.recording import Recording
    from dmabuf_async.trace.events import Event, Finding

_MARGIN: Final = 0.5
"""Where in its slice a flow begins or ends, in microseconds."""


def chrome_trace(recording: Recording, scenario: str) -> str:
    """The trace, an event a line; ASCII."""
    tracks = _Tracks(recording)
    timed = [
        *(_step(event, tracks) for event in recording.execution.trace.events),
        *_waits(recording, tracks),
        *_flows(recording, tracks),
        *(_finding(finding, tracks) for finding in recording.execution.findings),
    ]
    events = [*tracks.named(), *sorted(timed, key=lambda event: event["ts"])]
    more = {"scenario": scenario, "schedule": recording.execution.schedule, "steps": recording.execution.steps}
    lines = ",\n".join(json.dumps(event) for event in events)
    return f'{{"displayTimeUnit": "ns", "otherData": {json.dumps(more)}, "traceEvents": [\n{lines}\n]}}\n'


class _Tracks:
    """Which process and thread each actor is."""

    def __init__(self, recording: Recording) -> None:
        cpus = {event.actor: event.cpu for event in recording.execution.trace.events}
        views = {actor.name: actor.cpu for snapshot in recording.snapshots for actor in snapshot.actors}
        self.cpus: dict[str, int | None] = {**cpus, **views}
        order = recording.execution.trace.actors
        names = [*order, *(name for name in self.cpus if name not in order)]
        self._last = 2 + max((cpu for cpu in self.cpus.values() if cpu is not None), default=0)
        # A thread whose number is that of a process is taken for its main thread.
        self._ids = {name: number for number, name in enumerate(names, self._last + 1)}

    def of(self, actor: str) -> dict[str, int]:
        """The track of an actor."""
        cpu = self.cpus.get(actor)
        return {"pid": self._last if cpu is None else 1 + cpu, "tid": self._ids[actor]}

    def named(self) -> Iterator[dict[str, Any]]:
        """Names of processes and threads, and the order in which they stand."""
        told = set()
        for actor, number in self._ids.items():
            track, cpu = self.of(actor), self.cpus.get(actor)
            if track["pid"] not in told:
                told.add(track["pid"])
                name = "devices and environment" if cpu is None else f"cpu{cpu}"
                yield {"ph": "M", "name": "process_name", **track, "args": {"name": name}}
                yield {"ph": "M", "name": "process_sort_index", **track, "args": {"sort_index": track["pid"]}}
            yield {"ph": "M", "name": "thread_name", **track, "args": {"name": actor}}
            yield {"ph": "M", "name": "thread_sort_index", **track, "args": {"sort_index": number}}


def _step(event: Event, tracks: _Tracks) -> dict[str, Any]:
    args: dict[str, Any] = {"step": event.step, "reads": sorted(event.reads), "writes": sorted(event.writes)}
    args |= {"site": event.site} if event.site else {}
    args |= {"result": event.result} if event.result else {}
    args |= {"preempts": event.preempts} if event.preempts is not None else {}
    args |= {"fault": True} if event.fault else {}
    return {
        "ph": "X",
        "name": worded(event),
        "cat": event.kind,
        "ts": event.step,
        "dur": 1,
        **tracks.of(event.actor),
        "args": args,
    }


def _waits(recording: Recording, tracks: _Tracks) -> Iterator[dict[str, Any]]:
    """What actors wait for, from the step that made them wait to the one after which they need not."""
    waits: dict[str, list[str]] = {}
    for step, snapshot in enumerate(recording.snapshots):
        for actor in snapshot.actors:
            waits.setdefault(actor.name, [""] * step).append(actor.waits_for)
    for name, said in waits.items():
        step = 0
        for words, run in groupby(said):
            length = sum(1 for _ in run)
            if words:
                where = {"ts": step + 1, "dur": length, **tracks.of(name)}
                yield {"ph": "X", "name": f"waits for {words}", "cat": "wait", **where}
            step += length


def _flows(recording: Recording, tracks: _Tracks) -> Iterator[dict[str, Any]]:
    events = recording.execution.trace.events
    arrows = (arrow for arrow in recording.arrows if arrow.synchronises)
    for number, arrow in enumerate(arrows, 1):
        first, second = events[arrow.first - 1], events[arrow.second - 1]
        flow = {"id": number, "name": ", ".join(arrow.objects) or "synchronisation", "cat": "synchronisation"}
        yield {"ph": "s", **flow, "ts": first.step + _MARGIN, **tracks.of(first.actor)}
        yield {"ph": "f", "bp": "e", **flow, "ts": second.step + _MARGIN, **tracks.of(second.actor)}


def _finding(finding: Finding, tracks: _Tracks) -> dict[str, Any]:
    args = {
        "message": finding.message,
        "rule": finding.rule,
        "step": finding.step,
        "objects": list(finding.objects),
        "primary": finding.primary,
    }
    where = {"ph": "i", "s": "t", "name": finding.code, "cat": "finding", "ts": finding.step + _MARGIN}
    return {**where, **tracks.of(finding.actor), "args": args}
