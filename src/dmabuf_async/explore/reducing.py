"""Reducing a scenario: what is left of a file when all goes that a finding does not need.

A smaller scenario is taken if the same finding still comes (its code, its rule, the class of its object, the call that
states it: the step may have another number), and no finding whose code the scenario did not show before: somebody who
leaves out an unlock has made another mistake, not a smaller one. Both are asked of a short campaign whose seed is
fixed; where that does not show the finding, of a search for its least schedule, in a room that is fixed, too.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from dmabuf_async.checkers.catalogue import CHECKERS, CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.errors import ScenarioError
from dmabuf_async.explore.execution import execute, perform
from dmabuf_async.explore.following import follow
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.least import Least
from dmabuf_async.explore.shrinking import INTERRUPTED, Shrunk, shrink
from dmabuf_async.scenario import build
from dmabuf_async.scenario.contradictions import contradictions
from dmabuf_async.scenario.reducing import Document, reduced
from dmabuf_async.scenario.schema import Scenario, without_defaults
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.schedule import decode

if TYPE_CHECKING:
    from dmabuf_async.explore.verdict import Verdict
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding

EXECUTIONS: Final = 40
"""Of the campaign that is asked about each candidate."""

ROOM: Final = 3_000
"""Places of the search that is asked where the campaign does not show it."""

PROVING: Final = 10.0
"""Seconds for the schedule of what is left."""

_NUMBER: Final = re.compile(r"\bstep \d+ ")


@dataclass(frozen=True, slots=True)
class Reduced:
    """What is left of a scenario, and the least schedule of its finding."""

    scenario: Scenario
    shrunk: Shrunk
    tried: int
    """Candidates that were asked for."""
    bound: str
    """Where it was stopped; empty if nothing more can go."""


class Found(NamedTuple):
    """A finding of a scenario, and how it comes."""

    finding: Finding
    choices: tuple[int, ...]
    codes: frozenset[str]
    """Of all findings that were seen."""


def reduce(
    scenario: Scenario,
    name: str,
    wanted: Callable[[Finding], bool],
    *,
    choices: Sequence[int] | None = None,
    seconds: float = float("inf"),
    max_steps: int = MAX_STEPS,
    show: Callable[[str], None] = lambda _: None,
) -> Reduced | None:
    """The smallest scenario that was found with the first finding which is ``wanted``; None if none comes.

    Unexpected findings come before others. ``choices``, if they are given, show it. The result is the same each time,
    unless ``seconds`` end it: then it is the smallest so far. So it is at an interrupt: ``show``, which is told now and
    then in words how far it is, may raise KeyboardInterrupt.
    """
    return _Reducing(scenario, name, max_steps, show).run(wanted, choices, seconds)


class _OutOfTime(Exception):
    """The seconds are over."""


class _Reducing:
    """What is known of candidates."""

    def __init__(self, scenario: Scenario, name: str, max_steps: int, show: Callable[[str], None]) -> None:
        self._scenario = scenario
        self._name = name
        self._max_steps = max_steps
        self._show = show
        self._asked: dict[str, Found | None] = {}  # by document
        self._kind: tuple[str, ...] = ()
        self._codes: frozenset[str] = frozenset()
        self._until = float("inf")
        self._words = "looking for the finding"

    def run(self, wanted: Callable[[Finding], bool], choices: Sequence[int] | None, seconds: float) -> Reduced | None:
        self._until = time.monotonic() + seconds
        found = self._found(build.program(self._scenario, self._name), wanted, choices)
        if found is None:
            return None
        self._kind, self._codes = kind_of(found.finding), found.codes
        document = self._stripped(found.finding.code)
        bound = ""
        try:
            for smaller in reduced(document, self._keeps):
                document = smaller
        except _OutOfTime:
            bound = f"stopped after {seconds:.3g} s"
        except KeyboardInterrupt:
            bound = INTERRUPTED
        found = self._asked.get(_key(document)) or found
        code, seen = found.finding.code, self._campaign(build.program(msgspec.convert(document, Scenario), self._name))
        others = {failure.finding.code for failure in seen.failures} & self._codes - {code}
        document["expect"]["findings"] = [code, *sorted(others)]
        least = msgspec.convert(document, Scenario)
        shrunk = shrink(
            build.program(least, self._name),
            found.choices,
            found.finding.signature,
            seconds=PROVING,
            max_steps=self._max_steps,
            show=_nothing if bound == INTERRUPTED else self._show,
        )
        return Reduced(least, shrunk, len(self._asked), bound)

    def _stripped(self, code: str) -> Document:
        """The scenario, expecting this code and nothing else."""
        document = without_defaults(self._scenario)
        expect = document.pop("expect", {})
        document["expect"] = {"findings": [code]}
        if code == "always-violated":
            document["expect"]["always"] = expect["always"]
        document.pop("story", None)
        return document

    def _is_it(self, finding: Finding) -> bool:
        return kind_of(finding) == self._kind

    def _keeps(self, document: Document) -> bool:
        """Whether it is a scenario that breaks in the same way, and in no new one."""
        key = _key(document)
        if key not in self._asked:
            if time.monotonic() >= self._until:
                raise _OutOfTime
            self._words = f"{len(self._asked):,} tried, {_size(document)} left"
            self._show(self._words)
            self._asked[key] = self._broken(document)
        return self._asked[key] is not None

    def _broken(self, document: Document) -> Found | None:
        try:
            scenario = msgspec.convert(document, Scenario)
        except msgspec.ValidationError:
            return None
        if any(True for _ in contradictions(scenario, DEFECTS, CODES)):
            return None
        try:
            found = self._found(build.program(scenario, self._name), self._is_it)
        except ScenarioError:  # its machine cannot be made
            return None
        return found if found is not None and found.codes <= self._codes else None

    def _found(
        self, program: Program, wanted: Callable[[Finding], bool], choices: Sequence[int] | None = None
    ) -> Found | None:
        """A finding that is wanted."""
        verdict = self._campaign(program)
        codes = frozenset(failure.finding.code for failure in verdict.failures)
        for failure in sorted(verdict.failures, key=lambda one: one.expected):
            if wanted(failure.finding) and not failure.edges:
                return Found(failure.finding, decode(failure.schedule).choices, codes)
        if choices is None:
            with closing(Least(program, wanted, checkers=CHECKERS, max_places=ROOM)) as search:
                while search.advance((MAX_STEPS, MAX_STEPS)):
                    self._show(self._words)
            if not search.found:
                return None
            choices, _ = follow(program, search.labels()[0], CHECKERS)
        shown = execute(program, Replay(choices), max_steps=self._max_steps, footprints=False)
        assert shown is not None
        finding = next(filter(wanted, shown.primary), None)
        return None if finding is None else Found(finding, tuple(choices), codes | {finding.code})

    def _campaign(self, program: Program) -> Verdict:
        return perform(fuzz(program, RandomWalk(0), executions=EXECUTIONS, max_steps=self._max_steps))


def kind_of(finding: Finding) -> tuple[str, ...]:
    """By which it is the same finding in another scenario: its signature, but for the number of the step.

    Of a deadlock, also what is waited for, whether by one or by several, and whether for somebody who has ended: one
    lock that is never given back is another matter than two in a circle.
    """
    one = finding.signature
    kind = (one.code, one.rule, one.role, _NUMBER.sub("", one.site), one.object_class)
    if one.code != "deadlock":
        return kind
    told = (mark for mark in ("; ", "(it has ended)") if mark in finding.message)
    return (*kind, *sorted(finding.objects), *told)


def _key(document: Document) -> str:
    return json.dumps(document, sort_keys=True)


def _nothing(_words: str) -> None:
    """Who was interrupted once looks at nothing more."""


def _size(document: Document) -> str:
    tasks: list[Any] = document["tasks"]
    steps = sum(len(task["steps"]) for task in tasks)
    return f"{len(tasks)} task{'s' * (len(tasks) != 1)} with {steps} step{'s' * (steps != 1)}"
