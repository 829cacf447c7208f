"""Edits of plans, each of which may make a schedule cheaper; whether it does is for a replay to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dmabuf_async.explore.segments import Plan

WITHOUT_END: Final = 1 << 30
"""Steps of a segment that goes on until its actor has to wait."""


def droppable(plan: Plan) -> list[int]:
    """What could be left out: ops that don't come out calm, and then whims, by the numbers of their segments."""
    return [*range(len(plan.faults)), *(at for at, segment in enumerate(plan.segments) if segment.whim)]


def without_faults(plan: Plan, start: int, stop: int) -> Plan:
    """Those with these numbers among the droppable ones are left out."""
    outcomes = len(plan.faults)
    whims = set(droppable(plan)[outcomes:][max(0, start - outcomes) : max(0, stop - outcomes)])
    return Plan(
        tuple(segment for at, segment in enumerate(plan.segments) if at not in whims),
        plan.faults[:start] + plan.faults[stop:],
    )


def without_segments(plan: Plan, start: int, stop: int) -> Plan:
    """Those with these numbers are left out."""
    return Plan(plan.segments[:start] + plan.segments[stop:], plan.faults)


def let_go_on(plan: Plan, at: int) -> Iterable[Plan]:
    """A segment goes on until its actor has to wait."""
    segment = plan.segments[at]
    if not segment.whim:
        longer = segment._replace(steps=WITHOUT_END)
        yield Plan((*plan.segments[:at], longer, *plan.segments[at + 1 :]), plan.faults)


def pulled_forward(plan: Plan, at: int) -> Iterable[Plan]:
    """The next segment of the same actor comes at once."""
    following = _next_of_the_same(plan, at)
    if following is not None:
        segments = list(plan.segments)
        more = segments.pop(following)
        segments[at] = more._replace(steps=segments[at].steps + more.steps)
        yield Plan(tuple(segments), plan.faults)


def put_off(plan: Plan, at: int) -> Iterable[Plan]:
    """A segment comes only with the next one of the same actor."""
    following = _next_of_the_same(plan, at)
    if following is not None:
        segments = list(plan.segments)
        segments[following] = segments[following]._replace(steps=segments[at].steps + segments[following].steps)
        del segments[at]
        yield Plan(tuple(segments), plan.faults)


def shortened(plan: Plan, at: int) -> Iterable[Plan]:
    """A segment is half as long, or one step shorter."""
    segment = plan.segments[at]
    for steps in dict.fromkeys((segment.steps // 2, segment.steps - 1)):
        if steps:
            shorter = segment._replace(steps=steps)
            yield Plan((*plan.segments[:at], shorter, *plan.segments[at + 1 :]), plan.faults)


def _next_of_the_same(plan: Plan, at: int) -> int | None:
    segment = plan.segments[at]
    for number in range(at + 1, len(plan.segments)):
        if plan.segments[number][::2] == segment[::2]:
            return number
    return None
