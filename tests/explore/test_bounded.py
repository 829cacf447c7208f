"""Preemption bounding: what all schedules within the bounds show, against brute force, and with the fewest first."""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest

from dmabuf_async import Machine, from_function
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.bounded import Bounded
from dmabuf_async.explore.replaying import strategy_for
from dmabuf_async.ops import CALM
from dmabuf_async.scenario.program import Program
from dmabuf_async.trace.events import Signature
from tests.brute import End, end_of
from tests.generated import program
from tests.harness import Every

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

SEEDS = range(int(os.environ.get("GENERATED", "200")))


class Execution(NamedTuple):
    """What one execution took, and what it came to."""

    preemptions: int
    faults: int
    end: End
    findings: dict[Signature, int]
    """Of each, how many preemptions came before it."""


def preemptions_of(watch: Watch, steps: int | None = None) -> int:
    """As reports count them."""
    assert watch.steps is not None
    return sum(step.preempted is not None for step in watch.steps[:steps])


def all_executions(made: Program, limit: int) -> list[Execution] | None:
    """By brute force; None if there are more."""
    fresh, every, found = made.machines(), Every(), list[Execution]()
    while True:
        machine = fresh()
        machine.tabled = False
        watch = Watch(machine, CHECKERS, trace=True)
        core = Core(machine, every, watch=watch, max_steps=1_000)
        try:
            if not core.begin(len(found)):
                return found
            if len(found) == limit:
                return None
            core.advance()
            watch.over(core)
            assert watch.steps is not None
            faults = sum(
                step.outcome != CALM or (step.actor.cpu is None and step.actor.name != "clock") for step in watch.steps
            )
            findings = {
                finding.signature: preemptions_of(watch, finding.step)
                for finding in reversed(watch.findings)
                if finding.primary
            }
            found.append(Execution(preemptions_of(watch), faults, _without_paths(end_of(machine, core)), findings))
        finally:
            core.wind_down(lambda call, *arguments: call(*arguments))


def _without_paths(end: End) -> End:
    """Local states are hashes here and entries of a table there."""
    return end._replace(actors=tuple((actor[0], 0, *actor[2:]) for actor in end.actors))


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> set[End]:
    """The ends that searches come to meanwhile."""
    seen: set[End] = set()
    judge = Stepper.judge

    def look(stepper: Stepper) -> None:
        seen.add(_without_paths(end_of(stepper.machine, stepper)))
        judge(stepper)

    monkeypatch.setattr(Stepper, "judge", look)
    return seen


def complete(made: Program, preemptions: int | None, faults: int | None = None, **options: int) -> Bounded:
    search = Bounded(made, preemptions=preemptions, faults=faults, **options)
    while search.advance():
        pass
    return search


def codes(search: Bounded) -> set[str]:
    return {failure.finding.code for failure in search.progress.failures.values()}


BOUNDS = [(0, None), (1, None), (2, None), (0, 0), (1, 1), (2, 0), (None, 0), (None, 1)]


def test_findings_and_ends_are_those_of_all_schedules_within_the_bounds(ends: set[End]) -> None:
    compared = live = cut = 0
    for seed in SEEDS:
        made = program(seed, size=100)
        reference = all_executions(made, 600)
        if reference is None:
            continue
        for preemptions, faults in BOUNDS:
            within = [
                one
                for one in reference
                if (preemptions is None or one.preemptions <= preemptions) and (faults is None or one.faults <= faults)
            ]
            ends.clear()
            search = complete(made, preemptions, faults)
            assert set(search.progress.failures) == {found for one in within for found in one.findings}, seed
            assert ends == {one.end for one in within}, seed
            if len(within) == len(reference):
                assert search.strength == "exhaustive", seed
            if search.strength == "exhaustive":
                assert ends == {one.end for one in reference}, seed
                assert set(search.progress.failures) == {found for one in reference for found in one.findings}, seed
            cut += search.strength != "exhaustive"
            if faults is None:
                _fewest_first(made, search, reference)
        live += search._live
        compared += 1
    assert compared > 0.5 * len(SEEDS)
    assert live > 0.05 * len(SEEDS)
    assert cut > compared


def _fewest_first(made: Program, search: Bounded, reference: list[Execution]) -> None:
    for signature, failure in search.progress.failures.items():
        watch = Watch(made.machines()(), CHECKERS, trace=True)
        core = inline.execute(watch.machine, strategy_for(made, failure.schedule), watch=watch)
        assert core is not None
        shown = next(finding for finding in watch.findings if finding.signature == signature)
        fewest = min(one.findings[signature] for one in reference if signature in one.findings)
        assert preemptions_of(watch, shown.step) == fewest, made.name


def two_looks(machine: Machine) -> None:
    """Only whoever is preempted between its two looks sees a difference."""
    hint, value = machine.counter("hint"), machine.counter("value")

    async def writes() -> None:
        await hint.load()
        await value.store(1)

    async def looks_twice() -> None:
        first = await value.load()
        assert await value.load() == first

    machine.task("writes", writes)
    machine.task("looks", looks_twice)


def test_who_made_the_last_step_is_part_of_where_it_is() -> None:
    """After one step of each, all is the same; but whoever made the first cannot go on without another preemption."""
    assert codes(complete(from_function(two_looks), 0)) == set()
    assert codes(complete(from_function(two_looks), 1)) == {"assertion"}
