"""How far several explorations are that go on at the same time, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from dmabuf_async.explore.verdict import Failure, Verdict

if TYPE_CHECKING:
    from dmabuf_async.dashboard.panels.campaign import CampaignView, Curve, FoundView
    from dmabuf_async.dashboard.panels.jobs import JobView
    from dmabuf_async.trace.events import Signature

_FOUND: Final = 8
"""Findings that one of them tells on its way: word of it has to fit into a pipe. Its verdict has all."""


@dataclass(frozen=True, slots=True)
class Word:
    """How far one of them is."""

    scenario: str
    done: float | None
    told: str
    """Executions and their rate, or what else it does."""
    detail: str
    """What it has covered, and what is left; or empty."""
    executions: int
    view: CampaignView | None = None
    """Of a campaign that samples, without its curve."""

    def shortened(self) -> Word:
        """With so few findings, and no curve, that it fits into a pipe."""
        if self.view is None:
            return self
        found = sorted(self.view.found, key=lambda one: one.expected)[:_FOUND]
        return replace(self, view=replace(self.view, curve=(), found=tuple(found)))


class Together:
    """What is known of each, from the beginning on; ``shown``: somebody looks at it."""

    def __init__(self, *, shown: bool) -> None:
        if shown:  # before there are children, so that not each of them has to load it
            import dmabuf_async.dashboard.panels.campaign
            import dmabuf_async.dashboard.panels.jobs  # noqa: F401
        self._began = time.monotonic()
        self._at_work: dict[int, Word] = {}
        self._ended: dict[int, Word] = {}
        self._curve: Curve | None = None

    def heard(self, index: int, word: Word) -> None:
        """Number ``index`` has told how far it is. One that is being shrunk tells nothing new of its campaign."""
        before = self._at_work.get(index)
        if before is not None and word.view is None:
            word = replace(word, view=before.view, executions=before.executions)
        self._at_work[index] = word

    def ended(self, index: int, verdict: Verdict) -> None:
        """Number ``index`` has come to its end."""
        self._at_work.pop(index, None)
        self._ended[index] = Word(verdict.scenario, 1.0, "", "", verdict.executions, _view_of(verdict))

    @property
    def counts(self) -> str:
        """``12,345 executions, 2,345/s``, of all."""
        executions = sum(word.executions for word in self._all())
        seconds = time.monotonic() - self._began
        return f"{executions:,} executions, {executions / seconds if seconds else 0:,.0f}/s"

    def jobs(self) -> list[JobView]:
        """Those that are at work."""
        from dmabuf_async.dashboard.panels.jobs import JobView

        return [
            JobView(_short(word.scenario), word.done, word.told, word.detail or _seen(word.view))
            for _, word in sorted(self._at_work.items())
        ]

    def campaign(self) -> CampaignView | None:
        """All of them as one campaign; None: none of them samples."""
        from dmabuf_async.dashboard.panels.campaign import CampaignView, Curve

        views = [(word.scenario, word.view) for word in self._all() if word.view is not None]
        if not views:
            return None
        self._curve = self._curve or Curve()
        seconds = time.monotonic() - self._began
        classes = sum(view.classes for _, view in views)
        self._curve.add(seconds, classes)
        return CampaignView(
            seconds=seconds,
            executions=sum(view.executions for _, view in views),
            looked=sum(view.looked for _, view in views),
            classes=classes,
            curve=self._curve.points(seconds, classes),
            found=tuple(
                replace(one, where=f"{_short(scenario)}: {one.where}") for scenario, view in views for one in view.found
            ),
            scenarios=len(views),
        )

    def _all(self) -> list[Word]:
        return [word for _, word in sorted((self._ended | self._at_work).items())]


def _short(scenario: str) -> str:
    """The end of a path tells more than its beginning."""
    return "/".join(scenario.split("/")[-2:]).removesuffix(".toml")


def _seen(view: CampaignView | None) -> str:
    if view is None:
        return ""
    from dmabuf_async.dashboard.panels.campaign import percent

    new = "" if view.new is None or not view.looked else f", {percent(view.new)} new"
    return f"{view.classes:,} behaviours{new}"


def _view_of(verdict: Verdict) -> CampaignView | None:
    sample = verdict.sample
    if sample is None:
        return None
    from dmabuf_async.dashboard.panels.campaign import CampaignView

    failures = {failure.finding.signature: failure for failure in verdict.failures}
    return CampaignView(
        seconds=verdict.seconds,
        executions=verdict.executions,
        looked=sample.looked,
        classes=sample.classes,
        curve=(),
        found=tuple(found(failures, verdict.counts)),
    )


def found(failures: Mapping[Signature, Failure], counts: Mapping[Signature, int]) -> Iterable[FoundView]:
    """What a campaign has found, as plain data."""
    from dmabuf_async.dashboard.panels.campaign import FoundView

    for one, failure in failures.items():
        yield FoundView(one.code, one.rule, one.place, counts.get(one, 1), failure.execution, failure.expected)
