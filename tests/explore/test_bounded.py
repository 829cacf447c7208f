"""Preemption bounding: what all schedules within the bounds show, against brute force, and with the fewest first."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from dmabuf_async import Group, Machine, from_function, settle
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.bounded import Bounded
from dmabuf_async.explore.replaying import strategy_for
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import CALM
from dmabuf_async.scenario.program import Program
from dmabuf_async.trace.events import Signature
from tests.brute import End, end_of, program_of
from tests.effort import seeds
from tests.generated import program
from tests.harness import Every

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

SEEDS = seeds(150, 40)


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


def complete(made: Program, preemptions: int | None, faults: int | None = None, **options: Any) -> Bounded:
    search = Bounded(made, preemptions=preemptions, faults=faults, **options)
    while search.advance():
        pass
    return search


def codes(search: Bounded) -> set[str]:
    return {failure.finding.code for failure in search.progress.failures.values()}


BOUNDS = [(0, None), (1, None), (2, None), (1, 0), (1, 1), (None, 1)]


def test_findings_and_ends_are_those_of_all_schedules_within_the_bounds(ends: set[End]) -> None:
    compared = live = cut = 0
    for seed in SEEDS:
        made = replace(program(seed, size=100), reusable=seed % 2 == 0)
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
    assert live > 0.1 * len(SEEDS)
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


def test_the_bounds_that_something_was_left_out_for_are_part_of_the_claim() -> None:
    made = from_function(two_looks)
    unfinished = Bounded(made, preemptions=2)
    assert (unfinished.extent, unfinished.left) == ("0 states", "")
    strengths = [complete(made, preemptions).strength for preemptions in (0, 1, 2, 3)]
    assert strengths == [
        "exhaustive up to 0 preemptions",
        "exhaustive up to 1 preemption",
        "exhaustive",  # one of them has but two steps, and the other three: nobody is preempted more often
        "exhaustive",
    ]


def interruptible(machine: Machine) -> None:
    """While one task is about to let two others go on, those can be interrupted."""
    lets = machine.counter("lets")

    async def waits() -> None:
        await lets.wait("==", 2, interruptible=True)

    async def adds() -> None:
        await lets.add(1)
        await lets.add(1)

    machine.task("one", waits)
    machine.task("two", waits)
    machine.task("adds", adds)


def test_faults_are_bounded_beside_preemptions() -> None:
    made = program_of(interruptible, Sizes(eintr=2))
    assert complete(made, 0, 1).strength == "exhaustive up to 0 preemptions, 1 fault"
    assert complete(made, 9, 0).strength == complete(made, None, 0).strength == "exhaustive up to 0 faults"
    assert complete(made, 9, 2).strength == complete(made, None, 3).strength == "exhaustive"
    assert complete(made, 0).strength == "exhaustive up to 0 preemptions"
    zero, one, two = (complete(made, None, faults).states for faults in (0, 1, 2))
    assert zero < one < two == complete(made, 9).states


def test_time_goes_on_though_no_fault_may_happen_and_nobody_is_preempted() -> None:
    def furnish(machine: Machine) -> None:
        async def sleeps() -> None:
            await machine.clock.sleep(3)

        machine.task("one", sleeps)
        machine.task("two", sleeps)

    search = complete(from_function(furnish), 0, 0)
    assert not search.progress.failures
    assert search.strength == "exhaustive up to 0 preemptions"


def test_what_goes_round_is_walked_once_and_livelock_is_not_ruled_out_then() -> None:
    def furnish(machine: Machine) -> None:
        flag = machine.counter("flag")

        async def spins() -> None:
            while not await flag.load():
                await settle("spins", "spins")

        async def sets() -> None:
            await flag.store(1)

        machine.task("spins", spins)
        machine.task("sets", sets)

    made = from_function(furnish)
    assert complete(made, 1).uncovered == ("livelock",)
    assert complete(from_function(two_looks), 1).uncovered == ()


def test_a_search_that_is_stopped_says_how_far_it_came() -> None:
    def furnish(machine: Machine) -> None:
        for name in "abcd":
            counter = machine.counter(name)

            async def adds(counter: Any = counter) -> None:
                for _ in range(8):
                    await counter.add(1)

            machine.task(name, adds)

    search = Bounded(from_function(furnish), preemptions=3)
    extents, lefts = set[str](), set[str]()
    while search.advance() and len(extents) < 20:
        extents.add(re.sub(r"[\d,]+ (states|more)", r"N \1", search.extent))
        lefts.add(re.sub(r"[\d,]+ transitions?", "N transitions", search.left))
    search.close()
    assert extents & {
        "N states up to 0 preemptions, N more up to 1 preemption so far",
        "N states up to 1 preemption, N more up to 2 preemptions so far",
    }
    assert lefts & {"at least N transitions up to 1 preemption", "at least N transitions up to 2 preemptions"}


def test_what_is_cut_at_a_limit_is_told() -> None:
    made = from_function(two_looks)
    assert complete(made, 1, max_steps=2).progress.cut
    assert complete(made, 1, max_places=4).progress.cut
    assert not complete(made, 1).progress.cut


def test_actors_that_are_born_in_groups_are_bounded_too() -> None:
    def furnish(machine: Machine) -> None:
        hint, value = machine.counter("hint"), machine.counter("value")

        async def writes() -> None:
            await hint.load()
            await value.store(1)

        async def looks_twice() -> None:
            first = await value.load()
            assert await value.load() == first

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(writes)
                await group.spawn(looks_twice)

        machine.task("parent", parent)

    assert codes(complete(from_function(furnish), 0)) == set()
    assert "assertion" in codes(complete(from_function(furnish), 1))


def test_it_keeps_no_checkpoint() -> None:
    search = Bounded(from_function(two_looks), preemptions=0)
    assert search.checkpoint() == b""
    search.resume(b"")
    with pytest.raises(ValueError, match="no checkpoints"):
        search.resume(b"x")


def test_a_state_is_the_same_in_every_round_though_the_program_furnishes_each_machine_anew() -> None:
    made = from_function(two_looks)
    assert complete(made, 2).states == complete(made, None).states


def test_what_a_task_raises_before_its_first_op_is_found_once() -> None:
    def furnish(machine: Machine) -> None:
        two_looks(machine)

        async def raises() -> None:
            raise LookupError

        machine.task("raises", raises)

    search = complete(from_function(furnish), 2)
    counts = {signature.code: count for signature, count in search.progress.counts.items()}
    assert counts["unhandled-exception"] == 1
