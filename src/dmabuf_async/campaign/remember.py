"""After a scenario has been explored: what is remembered of it, and what is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from dmabuf_async.campaign.entry import Entry
from dmabuf_async.explore.verdict import Recalled

if TYPE_CHECKING:
    from dmabuf_async.campaign.corpus import Corpus
    from dmabuf_async.explore.verdict import Failure, Verdict

RARE: Final = 10
"""What the scenario expects is rare if fewer than one in so many executions showed any of it."""


def rare(verdict: Verdict) -> Failure | None:
    """An expected finding of a sample that the next one may miss, so that it is worth remembering; else None.

    Of all that are expected it is the one that most executions showed. One is enough: a scenario is as it expects when
    one of them is found.
    """
    expected = [failure for failure in verdict.failures if failure.expected and _replayable(failure)]
    if not expected:
        return None
    counts = verdict.counts
    most = max(expected, key=lambda failure: counts.get(failure.finding.signature, 0))
    return most if counts.get(most.finding.signature, 0) * RARE < verdict.executions else None


def remember(corpus: Corpus, verdict: Verdict, command: Callable[[str, str], str], *, sampled: bool) -> Verdict:
    """Bring the corpus in line with a verdict, which is returned with what became of each entry.

    Remembered is every finding that is not expected and that one schedule shows; of those that are expected what is
    :func:`rare`, if the verdict rests on a sample. ``command`` replays a schedule on a scenario. An entry stays as it
    is as long as it shows its finding, unless a shorter schedule does. Raises OSError.
    """
    found = {str(failure.finding.signature): failure for failure in verdict.failures if _replayable(failure)}
    told: list[Recalled] = []
    for entry, one in zip(corpus.of(verdict.scenario), verdict.recalled, strict=False):
        failure = found.pop(entry.signature, None)
        schedules = [one.schedule] if one.became == "shown" else []
        schedules += [failure.schedule] if failure is not None else []
        if schedules:
            schedule = min(schedules, key=len)
            if schedule != entry.schedule:
                replay = command(entry.scenario, schedule)
                corpus.keep(msgspec.structs.replace(entry, schedule=schedule, replay=replay))
            told.append(replace(one, became="shown", schedule=schedule, why=""))
        elif one.became == "kept" or verdict.interrupted:
            told.append(replace(one, became="kept", why=one.why or "interrupted"))
        else:
            corpus.forget(entry)
            told.append(one)
    chance = rare(verdict) if sampled else None
    for failure in found.values():
        if not failure.expected or failure is chance:
            entry = _entry(corpus, verdict, failure, command)
            corpus.keep(entry)
            told.append(Recalled(str(corpus.path(entry)), entry.code, entry.schedule, "new"))
    return replace(verdict, recalled=tuple(told))


def _replayable(failure: Failure) -> bool:
    """Whether the schedule alone shows it: not an order of locks over several executions, nor a run without end."""
    return not failure.edges and not failure.until


def _entry(corpus: Corpus, verdict: Verdict, failure: Failure, command: Callable[[str, str], str]) -> Entry:
    finding, scenario = failure.finding, corpus.name(verdict.scenario)
    return Entry(
        scenario=scenario,
        signature=str(finding.signature),
        code=finding.code,
        rule=finding.rule,
        schedule=failure.schedule,
        replay=command(scenario, failure.schedule),
    )
