"""The hash of an execution's class is the same for two executions exactly if they order conflicts in the same way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.textbook import COUNTS
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.footsteps import Footsteps
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.classes import ClassWatch
from dmabuf_async.explore.dpor import Dpor
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import Op
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.base import Strategy
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.tasks import Group
from tests.brute import brute, class_of, program_of
from tests.effort import seeds
from tests.generated import program as generated
from tests.harness import Every

pytestmark = pytest.mark.unaudited  # they are many

ROOT = Path(__file__).parents[2]
SWAP_OUT = str(ROOT / "scenarios" / "pin" / "swap-out-race.toml")
TEXTBOOK = [
    "C2: 3 actors, 2 increments of one counter", "D: one writer, 4 readers", "lastzero(3)", "4 writers",
    "read-then-write(3)", "4 counters under one lock",
]  # fmt: skip


def watched(machine: Machine, states: set[int] | None = None, *, wanted: bool = True) -> ClassWatch:
    found: set[int] = set() if states is None else states
    return ClassWatch(machine, CHECKERS, wanted=lambda: wanted, states=found, room=1 << 20)


def executions(program: Program, states: set[int], limit: int = 2_000) -> Iterator[tuple[int, list[int]]]:
    """The hash and the choices of everything that a program can do, or of so many executions."""
    machines, every = program.machines(), Every()
    for index in range(limit):
        machine = machines()
        watch = watched(machine, states)
        core = inline.execute(machine, every, watch=watch, index=index)
        if core is None:
            return
        yield watch.happens_before, core.choices


def canonical(program: Program, choices: list[int]) -> object:
    """The class as it is by definition, from all that each step touches."""
    machine = program.machines()()
    watch = Watch(machine, CHECKERS, footprints=True)
    core = inline.execute(machine, Replay(choices), watch=watch)
    assert core is not None
    assert watch.steps is not None
    return class_of(watch.steps, core.stopped)


def check_classes(program: Program) -> int:
    """How many classes there are; the same by hash and by definition."""
    pairs = {(hashed, canonical(program, choices)) for hashed, choices in executions(program, set())}
    assert len(pairs) == len({hashed for hashed, _ in pairs}) == len({found for _, found in pairs})
    return len(pairs)


@pytest.mark.parametrize("name", TEXTBOOK)
def test_programs_of_the_literature_have_as_many_hashes_as_classes(name: str) -> None:
    build, classes = COUNTS[name]
    assert check_classes(program_of(build)) == classes


@pytest.mark.parametrize("seed", seeds(40, 20))
def test_random_programs_have_as_many_hashes_as_classes(seed: int) -> None:
    check_classes(generated(seed, size=60))


class Noting(Dpor):
    """Keeps the choices of what it executes."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.choices: list[list[int]] = []

    def _note(self, watch: Footsteps, core: Core) -> None:
        super()._note(watch, core)
        self.choices.append(core.choices)


@pytest.mark.parametrize(
    "name",
    ["pin/put-twice.toml", "pin/swap-out-race.toml", "locks/spinlocks-abba.toml", "memory/enomem-put-of-nothing.toml"],
)
def test_dpor_executes_each_class_once_and_chance_comes_to_no_other(name: str) -> None:
    program = catalogue.load(str(ROOT / "scenarios" / name))
    search = Noting(program)
    while search.advance():
        pass
    machines = program.machines()
    seen = set()
    strategies: list[Strategy] = [*map(Replay, search.choices), *[RandomWalk(1)] * 300]
    for strategy in strategies:
        machine = machines()
        watch = watched(machine)
        inline.execute(machine, strategy, watch=watch)
        seen.add(watch.happens_before)
    assert len(seen) == search.classes == len(search.choices)


def spawning(machine: Machine) -> None:
    """Which child is born first is chance."""
    cell = machine.cell("c")

    async def add() -> None:
        await cell.add(1)

    async def main() -> None:
        async with Group() as group:
            await group.spawn(add)

    machine.task("one", main)
    machine.task("two", main)


@pytest.mark.parametrize(
    "program", [program_of(spawning), *[generated(seed, size=60) for seed in range(20)]], ids=lambda one: one.name
)
def test_every_state_is_counted_once(program: Program) -> None:
    everything = brute(program)
    assert everything is not None
    states: set[int] = set()
    assert sum(1 for _ in executions(program, states, limit=everything.executions + 1)) == everything.executions
    places = {
        (state.fingerprint, tuple((path, local) for path, local, *_ in state.actors)) for state in everything.states
    }
    assert len(states) == len(places)


def test_no_more_states_are_kept_than_there_is_room_for() -> None:
    program = catalogue.load(SWAP_OUT)
    machine = program.machines()()
    states: set[int] = set()
    inline.execute(machine, Calm(), watch=ClassWatch(machine, CHECKERS, wanted=lambda: True, states=states, room=5))
    assert len(states) == 5


def test_an_execution_that_is_not_wanted_is_watched_as_any_other() -> None:
    program = catalogue.load(SWAP_OUT)
    told = []
    for wanted in (False, None):
        machine = program.machines()()
        watch = Watch(machine, CHECKERS) if wanted is None else watched(machine, wanted=wanted)
        walk = RandomWalk(3)
        core = inline.execute(machine, walk, watch=watch)
        assert core is not None
        told.append((core.choices, watch.findings, watch.step, machine.fingerprint, watch.reached))
    assert told[0] == told[1]
    assert told[0][1]


def test_actors_that_are_alike_are_told_apart() -> None:
    program = catalogue.load(str(ROOT / "scenarios" / "kmap" / "three-importers-repaired.toml"))
    machines, walk = program.machines(), RandomWalk(0)
    states, exact, pairs = set[int](), set[object](), set[tuple[int, object]]()
    for _ in range(60):
        machine = machines()
        watch = watched(machine, states)
        looking: Any = watch.before

        def look(actor: Actor, op: Op, machine: Machine = machine, before: Any = looking) -> None:
            exact.add((machine.fingerprint, *[one.local for one in machine.actors]))
            before(actor, op)

        watch.before = look  # type: ignore[method-assign]
        core = inline.execute(machine, walk, watch=watch)
        assert core is not None
        exact.add((machine.fingerprint, *[one.local for one in machine.actors]))
        pairs.add((watch.happens_before, canonical(program, core.choices)))
    assert len(states) == len(exact) > 700
    assert len(pairs) == len({hashed for hashed, _ in pairs}) == len({found for _, found in pairs}) > 50


def test_the_hash_is_the_same_in_every_process() -> None:
    code = "from tests.explore.test_classes import hashes; print(*hashes())"
    path = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    told = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert told == {" ".join(map(str, hashes())) + "\n"}


def hashes() -> list[int]:
    """Of a few executions."""
    program = catalogue.load(SWAP_OUT)
    machines = program.machines()
    found = []
    for seed in range(5):
        machine = machines()
        watch = watched(machine)
        inline.execute(machine, RandomWalk(seed), watch=watch)
        found.append(watch.happens_before)
    return found


def test_an_actor_that_goes_by_its_table_has_the_hash_of_one_that_is_resumed() -> None:
    program = catalogue.load(SWAP_OUT)
    machine = program.machines()()
    machine.tabled = False
    watch = watched(machine)
    inline.execute(machine, RandomWalk(4), watch=watch)
    assert watch.happens_before == hashes()[4]
