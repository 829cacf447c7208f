"""The two orders of one execution, as the fewest arrows that imply all of it (DESIGN 2, "Two orders").

*Conflict order*: program order, and steps on one object of which one writes. *Synchronisation order*: program order,
and what actors do for one another to be ordered (unlock to lock, spawn, join, signal to wait, an IPI and its answer).
What follows from arrows that are there, and from program order, has no arrow (Lamport, "Time, Clocks, and the Ordering
of Events in a Distributed System", CACM 21(7), 1978; the transitive reduction of that relation).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmabuf_async.trace.events import Event


@dataclass(frozen=True, slots=True)
class Arrow:
    """A step of one actor that comes before a step of another one."""

    first: int
    second: int
    """Steps, from 1."""
    synchronises: bool
    """By synchronisation order; else the two only conflict, and nobody made them come so."""
    objects: tuple[str, ...]
    """What both touch and one of them writes, sorted; empty if they are ordered by something else."""


def arrows(events: Sequence[Event], acquired: Mapping[int, Iterable[int]]) -> tuple[Arrow, ...]:
    """The arrows into each step, by number of the second step, then of the first.

    ``acquired``: the steps of other actors that come right before a step in synchronisation order. An arrow of both
    orders is one that synchronises.
    """
    found = []
    for event, conflicting in zip(events, _conflicting(events), strict=True):
        synchronising = frozenset(acquired.get(event.step, ()))
        for first in sorted(synchronising | conflicting):
            shared = _shared(events[first - 1], event)
            found.append(Arrow(first, event.step, first in synchronising, tuple(sorted(shared))))
    return tuple(found)


def latest(candidates: Iterable[int], pasts: Sequence[int], covered: int = 0) -> frozenset[int]:
    """Those of the steps that come before none of the others, and are not ``covered``.

    Sets of steps are bit sets: bit 1 is step 1. ``pasts[n]`` is what comes before step ``n``, itself included.
    """
    kept = set()
    for step in sorted(candidates, reverse=True):
        if not covered >> step & 1:
            kept.add(step)
            covered |= pasts[step]
    return frozenset(kept)


def _conflicting(events: Iterable[Event]) -> Iterator[frozenset[int]]:
    """Of each step: the steps of other actors right before it in conflict order."""
    pasts = [0]
    own: dict[str, int] = {}
    wrote: dict[str, int] = {}
    read: dict[str, dict[str, int]] = {}  # since it was written, by actor
    for event in events:
        covered = pasts[own.get(event.actor, 0)]
        before = {wrote[name] for name in event.reads | event.writes if name in wrote}
        before.update(step for name in event.writes for step in read.get(name, {}).values())
        kept = latest(before, pasts, covered)
        for step in kept:
            covered |= pasts[step]
        pasts.append(covered | 1 << event.step)
        own[event.actor] = event.step
        for name in event.writes:
            wrote[name] = event.step
            read.pop(name, None)
        for name in event.reads - event.writes:
            read.setdefault(name, {})[event.actor] = event.step
        yield kept


def _shared(one: Event, other: Event) -> frozenset[str]:
    return (one.writes & other.writes) | (one.writes & other.reads) | (one.reads & other.writes)
