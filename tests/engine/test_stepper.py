"""The stepper: the same steps as the core's, and each can be taken back."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from dmabuf_async import Group, Machine, from_function, load
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.advancing import Untabled
from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.i_mmap import AddressSpace
from dmabuf_async.machine.mm import Vma
from dmabuf_async.machine.paging import Pte
from dmabuf_async.machine.rwsem import RwSem
from dmabuf_async.machine.tlb import TlbEntry
from dmabuf_async.scenario.program import Program
from tests.generated import program

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

ACTOR = (
    "op", "needs", "ready", "ended", "stuck", "local", "settled", "site", "mapped", "failure", "last", "entry",
    "groups", "context", "cancelled", "spawned", "past", "locks",
)  # fmt: skip
GROUP = ("owner", "children", "failures", "told", "cancelled", "past", "fingerprint", "pending")


def stepper(program: Program, memories: dict[Hashable, int] | None = None) -> Stepper:
    machine = program.machines()()
    machine.tabled = True
    return Stepper(machine, Watch(machine, CHECKERS), {} if memories is None else memories)


LATE = (TlbEntry, Pte, Vma, AddressSpace, RwSem)
"""What may be made during an execution, and is as if new after it."""


def dump(stepper: Stepper) -> Any:
    """All that a step may change; what was first looked at meanwhile, and is as if new, may be there."""
    machine, watch = stepper.machine, stepper.seen
    things = [
        (thing.name, thing.state_of(thing), thing.memory_of(thing), thing.fingerprint)
        for thing in machine.everything()
        if not isinstance(thing, LATE) or thing.state_of(thing) != thing.initial or thing.past
    ]
    actors = [
        (*[getattr(actor, field) for field in ACTOR], actor.threads.copy(), [group_of(group) for group in actor.groups])
        for actor in stepper.actors
    ]
    waiting = sorted(
        (thing.name, sorted(actor.name for actor in thing.pending)) for thing in machine.everything() if thing.pending
    )
    return (
        things, actors, waiting, [actor.name for actor in stepper.ready], machine.fingerprint, machine.memory(),
        machine.clock.now, machine.events.count, list(machine.kmaps.mappings), list(machine.marks),
        watch.step, list(watch.findings), watch.memory(), stepper.key(), stepper.current,
    )  # fmt: skip


def group_of(group: Group) -> Any:
    values = [getattr(group, field) for field in GROUP]
    return [list(value) if isinstance(value, list) else value for value in values]


def wander(walk: Stepper, dice: Random, steps: int, back: float) -> None:
    """Make steps and take some back, in the end all: each leaves everything as it was before it."""
    taken: list[Any] = []
    before: list[Any] = []
    try:
        for _ in range(steps):
            moves = walk.moves()
            if not moves or (taken and dice.random() < back):
                if not taken:
                    break
                walk.undo(taken.pop())
                assert dump(walk) == before.pop()
                continue
            before.append(dump(walk))
            token = walk.make(dice.choice(moves))
            assert token is not None
            taken.append(token)
        while taken:
            walk.undo(taken.pop())
            assert dump(walk) == before.pop()
    finally:
        walk.close()


@pytest.mark.parametrize("seed", range(80))
def test_a_step_that_is_taken_back_leaves_no_trace(seed: int) -> None:
    with suppress(Untabled):
        wander(stepper(program(seed)), Random(seed), steps=60, back=0.3)  # noqa: S311


def test_a_birth_that_is_taken_back_leaves_no_trace() -> None:
    def furnish(machine: Machine) -> None:
        counter = machine.counter("c")

        async def grandchild() -> None:
            await counter.add(1)

        async def child(amount: int) -> None:
            if amount:
                await counter.add(amount)
                async with Group() as group:
                    await group.spawn(grandchild)

        async def parent() -> None:
            for _ in range(2):
                async with Group() as group:
                    await group.spawn(child, 0)  # which ends at once
                    await group.spawn(child, 2)
                    await counter.load()

        machine.task("process", parent, user=True)
        machine.task("other", parent)

    for seed in range(20):
        walk = stepper(from_function(furnish))
        dice = Random(seed)  # noqa: S311
        wander(walk, dice, steps=150, back=0.3)
        assert len(walk.actors) == 2


@pytest.mark.parametrize(
    "name", ["mmap/zap-after-move.toml", "device/dma-in-flight.toml", "cache/pipeline.toml", "process/killed.toml"]
)
def test_no_trace_is_left_in_scenarios_either(name: str) -> None:
    wander(stepper(load(f"scenarios/{name}")), Random(0), steps=400, back=0.4)  # noqa: S311


SHARED = [
    "mmap/zap-after-move.toml", "locks/abba.toml", "locks/spinlocks-abba.toml", "locks/rwsem-upgrade.toml",
    "locks/interrupted-holder.toml",
]  # fmt: skip


def first_one_in(machine: Machine) -> None:
    """Whether the writer ends depends on a counter, of whose value checkers remember nothing."""
    users, data = machine.counter("users"), machine.cell("data")

    async def write() -> None:
        await data.store(1)
        if await users.add(1) == 1:
            await data.store(2)

    async def come() -> None:
        for _ in range(2):
            await users.add(1)

    machine.task("writer", write, cpu=1)
    machine.task("other", come)


ALL = [*map(program, range(80)), *[load(f"scenarios/{name}") for name in SHARED], from_function(first_one_in)]


@pytest.mark.parametrize("program", ALL)
def test_what_checkers_remember_after_a_step_is_the_same_where_it_was_not_worked_out(program: Program) -> None:
    memories: dict[Hashable, int] = {}
    walk, dice = stepper(program, memories), Random(0)  # noqa: S311
    taken: list[Any] = []
    try:
        for _ in range(400):
            moves = walk.moves()
            assert walk.key()[1] == memories[walk.machine.memory()]  # type: ignore[index]
            if taken and (not moves or dice.random() < 0.4):
                walk.undo(taken.pop())
            elif moves:
                taken.append(walk.make(dice.choice(moves)))
    except Untabled:
        pass
    finally:
        walk.close()
