"""The law: same program, strategy and seed, same trace on inline, asyncio and trio; replaying gives it again."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import ENGINES, inline, on_anyio
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import Execution, execution, perform, perform_async
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import shown
from dmabuf_async.scenario import catalogue
from dmabuf_async.strategies.base import ChoicePoint, RunInfo, Strategy
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.trace.events import Event, Finding
from tests.effort import times
from tests.programs import Spec, answers, specs

pytestmark = pytest.mark.unaudited  # audited tasks don't go by their tables, and that must be the same too

ROOT = Path(__file__).parents[2]
NAMES = catalogue.find([str(ROOT / "scenarios")])
IDS = [str(Path(name).relative_to(ROOT / "scenarios")) for name in NAMES]
HOSTED = ("asyncio", "trio")
SEEDS = times(16, 6)
"""Executions of each scenario that are compared in every word, the calm one apart."""
AGAIN = times(5, 2)
"""As many of them as are executed on every engine."""
MAX_STEPS = 300


@dataclass(frozen=True)
class Seen:
    """Everything that an execution is."""

    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    actors: tuple[str, ...]
    choices: tuple[int, ...]
    stopped: str
    steps: int
    stubborn: tuple[str, ...]
    reached: frozenset[tuple[str, str]]
    fingerprint: int
    locals: dict[str, int]
    settled: dict[str, object]
    ended: dict[str, bool]


def seen(core: Core, watch: Watch) -> Seen:
    trace = watch.trace(core)
    return Seen(
        trace.events,
        trace.findings,
        trace.actors,
        tuple(core.choices),
        core.stopped,
        core.steps,
        tuple(core.stubborn),
        frozenset(watch.reached),
        core.machine.fingerprint,
        {actor.name: actor.local for actor in core.actors},
        {actor.name: actor.settled for actor in core.actors},
        {actor.name: actor.ended for actor in core.actors},
    )


def campaign(
    machines: Callable[[], Machine], strategies: Sequence[Strategy], engine: str, *, footprints: bool = False
) -> list[Seen]:
    """One execution for each strategy, all on one loop."""
    if engine == "inline":
        shown = []
        for strategy in strategies:
            watch = Watch(machines(), CHECKERS, trace=True, footprints=footprints)
            core = inline.execute(watch.machine, strategy, watch=watch, max_steps=MAX_STEPS)
            assert core is not None
            shown.append(seen(core, watch))
        return shown

    async def on_loop() -> list[Seen]:
        shown = []
        for strategy in strategies:
            watch = Watch(machines(), CHECKERS, trace=True, footprints=footprints)
            core = await on_anyio.execute(watch.machine, strategy, watch=watch, max_steps=MAX_STEPS)
            assert core is not None
            shown.append(seen(core, watch))
        return shown

    return on_anyio.run(engine, on_loop)


def check_same(ours: Seen, others: Seen, where: str) -> None:
    """Equal; else it says in what, without the whole of two traces."""
    for number, (one, other) in enumerate(zip(ours.events, others.events, strict=False), 1):
        assert one == other, f"{where}: step {number}"
    for name in Seen.__dataclass_fields__:
        if name != "events":
            assert getattr(ours, name) == getattr(others, name), f"{where}: {name}"
    assert len(ours.events) == len(others.events), where


# Every scenario -------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_every_scenario_shows_the_same_on_all_engines_and_again_when_replayed(name: str) -> None:
    machines = catalogue.load(name).machines()
    inlined = campaign(machines, [Calm(), *map(RandomWalk, range(SEEDS))], "inline")
    for engine in HOSTED:
        hosted = campaign(machines, [Calm(), *map(RandomWalk, range(AGAIN))], engine)
        for index, one in enumerate(hosted):
            check_same(inlined[index], one, f"inline and {engine}, execution {index}")
    for third, engine in enumerate(ENGINES):
        strangers = inlined[third::3]
        replays = [Replay(stranger.choices) for stranger in strangers]
        for index, one in enumerate(campaign(machines, replays, engine)):
            check_same(strangers[index], one, f"replayed on {engine}, execution {index}")
            assert replays[index].unused == 0
    again = campaign(machines, [Calm(), *map(RandomWalk, range(AGAIN))], "inline")
    for index, one in enumerate(again):
        check_same(inlined[index], one, f"the same again, execution {index}")


class Brief(NamedTuple):
    """What tells two executions apart, without a sentence for every step: hundreds of seeds are compared by it."""

    steps: tuple[tuple[str, str, int, str], ...]
    """Who, which op, which outcome, which result."""
    choices: tuple[int, ...]
    findings: tuple[Finding, ...]
    stopped: str
    fingerprint: int
    locals: tuple[int, ...]


def brief(core: Core, watch: Watch) -> Brief:
    assert watch.steps is not None
    steps = [(step.actor.name, step.op.kind, step.outcome, shown(step.result)) for step in watch.steps]
    locals_ = tuple(actor.local for actor in core.actors)
    findings = tuple(watch.findings)
    return Brief(tuple(steps), tuple(core.choices), findings, core.stopped, core.machine.fingerprint, locals_)


def check_seeds(name: str, seeds: int) -> None:
    """On each engine, the executions of so many seeds are those of the others."""
    machines = catalogue.load(name).machines()

    def inlined() -> list[Brief]:
        found = []
        for seed in range(seeds):
            watch = Watch(machines(), CHECKERS, trace=True)
            core = inline.execute(watch.machine, RandomWalk(seed), watch=watch, max_steps=MAX_STEPS)
            assert core is not None
            found.append(brief(core, watch))
        return found

    async def hosted() -> list[Brief]:
        found = []
        for seed in range(seeds):
            watch = Watch(machines(), CHECKERS, trace=True)
            core = await on_anyio.execute(watch.machine, RandomWalk(seed), watch=watch, max_steps=MAX_STEPS)
            assert core is not None
            found.append(brief(core, watch))
        return found

    ours = inlined()
    for engine in HOSTED:
        for seed, one in enumerate(on_anyio.run(engine, hosted)):
            assert one == ours[seed], f"{engine}, seed {seed}"


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_dozens_of_seeds_show_the_same_on_all_engines(name: str) -> None:
    check_seeds(name, times(24, 6))


THEMES = {Path(name).parent.name: name for name in reversed(NAMES)}
"""The first scenario of each folder."""


@pytest.mark.parametrize("theme", THEMES)
def test_hundreds_of_seeds_of_each_theme_show_the_same_on_all_engines(theme: str) -> None:
    check_seeds(THEMES[theme], times(200, 20))


BUSY = ("kmap/two-importers.toml", "pin/swap-out-race.toml", "locks/abba.toml", "process/killed.toml")
"""Scenarios in which much can happen."""


@pytest.mark.parametrize("name", BUSY)
def test_footprints_are_the_same_on_all_engines_too(name: str) -> None:
    machines = catalogue.load(str(ROOT / "scenarios" / name)).machines()
    inlined = campaign(machines, [*map(RandomWalk, range(50))], "inline", footprints=True)
    for engine in HOSTED:
        for seed, one in enumerate(campaign(machines, [*map(RandomWalk, range(25))], engine, footprints=True)):
            check_same(inlined[seed], one, f"inline and {engine}, seed {seed}")
    assert len({one.choices for one in inlined}) > 5, "different seeds differ somewhere"
    assert any(event.reads for event in inlined[0].events)


@pytest.mark.parametrize("name", BUSY)
def test_one_strategy_that_lives_across_executions_shows_the_same_on_all_engines(name: str) -> None:
    program = catalogue.load(str(ROOT / "scenarios" / name))

    def inlined() -> list[Execution | None]:
        walk = RandomWalk(3)
        return [perform(execution(program, walk)) for _ in range(10)]

    async def hosted() -> list[Execution | None]:
        walk = RandomWalk(3)
        return [await perform_async(execution(program, walk)) for _ in range(10)]

    first = inlined()
    assert first == inlined()
    for engine in HOSTED:
        assert on_anyio.run(engine, hosted) == first


# Programs that nobody wrote -----------------------------------------------------------------


class Answers:
    """Answers modulo the number of options, then calm."""

    def __init__(self, given: Sequence[int]) -> None:
        self.given = given

    def start(self, run: RunInfo) -> bool:
        self.left = list(reversed(self.given))
        return True

    def choose(self, point: ChoicePoint) -> int:
        return self.left.pop() % point.n if self.left else 0


@settings(max_examples=times(40, 10), deadline=None, suppress_health_check=list(HealthCheck))
@given(specs(), answers)
def test_random_programs_show_the_same_on_all_engines(spec: Spec, answers: list[int]) -> None:
    def strategies() -> list[Strategy]:
        return [Answers(answers), RandomWalk(1)]

    (calm, walk) = campaign(spec.machine, strategies(), "inline", footprints=True)
    for engine in HOSTED:
        for ours, one in zip((calm, walk), campaign(spec.machine, strategies(), engine, footprints=True), strict=True):
            check_same(ours, one, engine)
    for engine in ENGINES:
        (one,) = campaign(spec.machine, [Replay(walk.choices)], engine, footprints=True)
        check_same(walk, one, f"replayed on {engine}")


# Other processes ------------------------------------------------------------------------------


def digest(engine: str) -> str:
    """What a process saw, as one number; sets in an order that is the same everywhere."""
    sha = hashlib.sha256()
    for name in BUSY:
        machines = catalogue.load(str(ROOT / "scenarios" / name)).machines()
        for one in campaign(machines, [*map(RandomWalk, range(5))], engine, footprints=True):
            for event in one.events:
                fields: dict[str, Any] = {field: getattr(event, field) for field in type(event).__slots__}
                fields |= {"reads": sorted(event.reads), "writes": sorted(event.writes)}
                sha.update(repr(fields).encode())
            rest = (one.findings, one.actors, one.choices, one.stopped, one.steps, sorted(one.reached), one.ended)
            sha.update(repr(rest).encode())
    return sha.hexdigest()


def test_other_processes_with_other_hashes_of_texts_show_the_same() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", __file__, engine],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for engine, hash_seed in (("inline", "1"), ("asyncio", "2"), ("trio", "3"))
    ]
    said = [process.communicate(timeout=60) for process in processes]
    assert said == [(digest("inline") + "\n", "")] * 3


if __name__ == "__main__":
    sys.stdout.write(digest(sys.argv[1]) + "\n")
