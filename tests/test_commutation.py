"""Two enabled steps of different actors that don't conflict commute (DESIGN 2, Op).

On this every search rests: an order that footprints call equivalent is never tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, NamedTuple, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import CALM, Footprint, conflicts
from dmabuf_async.strategies.base import STOP, ChoicePoint, Option, RunInfo
from dmabuf_async.strategies.dice import dice
from dmabuf_async.strategies.replay import Replay
from dmabuf_async.thing import Thing
from dmabuf_async.trace.events import Finding
from tests.effort import times
from tests.programs import BufferSpec, Spec, TaskSpec, answers, specs

Path = tuple[int, ...]

IDLE = "load spin"
"""What a task does that leads nowhere, so that there is always more than one who can go on."""


class Furnished(Protocol):
    """Whatever makes the same program, furnished and sealed, each time."""

    def machine(self) -> Machine: ...


class Move(NamedTuple):
    """One thing that can happen, the same in every execution of a program."""

    path: Path
    outcome: str


class Seen(NamedTuple):
    """What is known of a move before it is made: it may not depend on a move that it doesn't conflict with."""

    op: str
    outcomes: tuple[str, ...]
    footprint: tuple[frozenset[str], frozenset[str]]


def named(things: frozenset[Thing]) -> frozenset[str]:
    return frozenset(f"{thing.KIND} {thing.name}" for thing in things)


def offered(options: Sequence[Option]) -> dict[Move, tuple[Seen, Footprint]]:
    """All moves that the options allow, the outcomes of ops among them."""
    found = {}
    for option in options:
        actor, op = option.actor, option.op
        footprint = op.footprint(actor)
        names = op.outcomes(actor)
        seen = Seen(op.describe(), names, (named(footprint.reads), named(footprint.writes)))
        environment = actor.coroutine is None
        for name in (option.outcome,) if environment or not actor.ready else names:
            found[Move(actor.path, name)] = seen, footprint
    return found


@dataclass
class Guided:
    """Answers modulo the number of options, or as they are; then moves by name; then STOP."""

    answers: list[int]
    moves: Sequence[Move] = ()
    answered: int = 0
    at: int = 0
    offers: list[dict[Move, tuple[Seen, Footprint]]] = field(default_factory=list)
    """Before each of the moves, and at the end."""

    def start(self, run: RunInfo) -> bool:
        return True

    def choose(self, point: ChoicePoint) -> int:
        options = point.options
        if point.is_outcome and self.at:
            return [option.outcome for option in options].index(self.moves[self.at - 1].outcome)
        if self.answered < len(self.answers):
            self.answered += 1
            picked = self.answers[self.answered - 1] % point.n
            if not self.moves and options[picked].op.describe() == IDLE:
                picked = (picked + 1) % point.n
            return picked
        if point.is_outcome:
            return CALM
        self.offers.append(offered(options))
        if self.at == len(self.moves) or self.moves[self.at] not in self.offers[-1]:
            return STOP
        move = self.moves[self.at]
        self.at += 1
        return next(
            index
            for index, option in enumerate(options)
            if option.actor.path == move.path and (option.outcome in {"", move.outcome})
        )


def guided(
    spec: Furnished, answers: Sequence[int], moves: Sequence[Move] = (), max_steps: int = 80
) -> tuple[Guided, Core]:
    machine = spec.machine()
    watch = Watch(machine, CHECKERS, trace=True)
    strategy = Guided(list(answers), moves)
    core = inline.execute(machine, strategy, watch=watch, max_steps=max_steps)
    assert core is not None
    return strategy, core


def stand(core: Core) -> dict[str, Any]:
    """All that an execution is, but for the numbers of its steps."""
    watch, machine = core.watch, core.machine
    assert watch is not None
    return {
        "fingerprint": machine.fingerprint,
        "memory": machine.memory(),
        "local": {actor.path: actor.local for actor in core.actors},
        "ended": {actor.path for actor in core.actors if actor.ended},
        "ready": {actor.path for actor in core.actors if actor.ready},
        "findings": sorted(str(finding_key(finding)) for finding in watch.findings),
    }


def finding_key(finding: Finding) -> tuple[Any, ...]:
    return (*(getattr(finding, name) for name in type(finding).__slots__ if name != "step"),)


def results(core: Core, count: int) -> dict[Path, Any]:
    """What each of the last steps returned, by actor."""
    watch = core.watch
    assert watch is not None
    assert watch.steps is not None
    return {step.actor.path: plain(step.result) for step in watch.steps[-count:]}


def plain(value: Any) -> Any:
    return f"{value.KIND} {value.name}" if isinstance(value, Thing | Actor) else repr(value)


def check_commutation(spec: Furnished, answers: Sequence[int]) -> None:
    strategy, core = guided(spec, answers)
    if core.stopped != "stopped" or not strategy.offers:
        return
    before, prefix, steps = strategy.offers[0], core.choices, core.steps
    before = {move: seen for move, seen in before.items() if seen[0].op != IDLE}
    for move in before:
        order, _ = guided(spec, prefix, (move,), steps + 2)
        for after in order.offers[1:]:
            check_enabled(move, before, after)
    for a, b in combinations(before, 2):
        if a.path == b.path or conflicts(before[a][1], before[b][1]):
            continue
        both = {}
        for first, second in ((a, b), (b, a)):
            order, ran = guided(spec, prefix, (first, second), steps + 2)
            where = f"{before[first][0].op!r} {first.outcome}, then {before[second][0].op!r} {second.outcome}"
            assert second in order.offers[-1], f"disabled: {where}"
            assert len(order.offers) > 1, f"disabled: {where}"
            assert order.offers[1][second][0] == before[second][0], f"changed: {where}"
            both[first] = stand(ran) | {"results": results(ran, 2)}
        assert both[a] == both[b], f"{before[a][0].op!r} {a.outcome} and {before[b][0].op!r} {b.outcome}"


def check_enabled(
    move: Move, before: dict[Move, tuple[Seen, Footprint]], after: dict[Move, tuple[Seen, Footprint]]
) -> None:
    """What a move has made possible for somebody else conflicts with it; all but a child, and whoever joins one.

    What is spawned comes after its spawn, and a join after the ends of children, without a footprint. Footprints are
    compared by names: the move was made on another machine.
    """
    reads, writes = before[move][0].footprint
    for other, (seen, _) in after.items():
        joins = seen.op.startswith("join") and other.path == move.path[:-1]
        if other not in before and seen.op != IDLE and move.path not in {other.path, other.path[:-1]} and not joins:
            more_reads, more_writes = seen.footprint
            shared = writes & (more_reads | more_writes) | more_writes & reads
            assert shared, f"enabled: {before[move][0].op!r}, then {seen.op!r}"


@settings(max_examples=times(100, 20), deadline=None, suppress_health_check=list(HealthCheck))
@given(specs(spinner=True), answers)
def test_steps_that_do_not_conflict_commute(spec: Spec, answers: list[int]) -> None:
    check_commutation(spec, answers)


sets = st.frozensets(st.integers(0, 3), max_size=2)


@given(sets, sets, sets, sets)
def test_conflicts_is_symmetric_and_means_a_shared_object_that_one_writes(
    reads: Any, writes: Any, other_reads: Any, other_writes: Any
) -> None:
    one, other = Footprint(reads, writes), Footprint(other_reads, other_writes)
    assert conflicts(one, other) == conflicts(other, one)
    assert conflicts(one, other) == bool(writes & (other_reads | other_writes) | other_writes & reads)


# Counter-examples, by name -------------------------------------------------------------


def task(*steps: Any, cpu: int = 0, **more: Any) -> TaskSpec:
    return TaskSpec(steps, cpu=cpu, **more)


EXAMPLES = {
    "a mutex taken on each side": Spec((task(("lock", "m"), ("lock", "k")), task(("lock", "k"), ("lock", "m"), cpu=1))),
    "atomic mappings on two cpus": Spec(
        (task(("kmap_atomic", 0, 0, "p"), ("kunmap", "p")), task(("kmap_atomic", 0, 0, "p"), ("kunmap", "p"), cpu=1)),
        (BufferSpec("static"),),
    ),
    "a mapping handed to a child, used by both": Spec(
        (
            task(
                ("get", 0, 0, 1),
                ("kmap", 0, 0, "p"),
                ("group", ((("kunmap", "p"),), (("mload", "p", 0),)), False),
                ("mload", "p", 0),
            ),
            task(("swap_out", 0), cpu=1),
        ),
        (BufferSpec("swapping", defects=("ignore-pins",)),),
    ),
    "a child that fails, and one that sleeps": Spec(
        (task(("group", ((("raise", "wrong"),), (("sleep", 2), ("load", "x"))), False)), task(("sleep", 1), cpu=1))
    ),
    "faults of every kind": Spec(
        (
            task(("wait", "x", "==", 1, True), ("user",), user=True),
            task(("get", 0, 0, 1), ("put", 0, 0, 1), ("store", "x", 1), cpu=1, user=True),
        ),
        (BufferSpec("swapping", resident=False),),
        Sizes(enomem=1, eintr=1, kills=1),
    ),
    "a free under a pin": Spec(
        (task(("get", 0, 0, 1), ("kmap", 0, 0, "p"), ("kunmap", "p"), ("put", 0, 0, 1)), task(("put", 0, 0, 1), cpu=1)),
        (BufferSpec("static", defects=("frees-on-put",)),),
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_once_went_wrong_or_might_commutes_all_along(name: str) -> None:
    spec = replace(EXAMPLES[name], spinner=True)
    for seed in range(3):
        roll = dice(seed)
        schedule = [int(roll() * 8) for _ in range(30)]
        for length in range(0, 30, 2):
            check_commutation(spec, schedule[:length])


def test_the_end_of_a_user_process_with_a_group_commutes_with_its_kill() -> None:
    spec = Spec((task(("group", (), False), ("load", "y"), user=True),), sizes=Sizes(kills=1), spinner=True)
    for length in range(12):
        check_commutation(spec, [0] * length)


def test_the_end_of_the_last_task_conflicts_with_the_clock_of_a_daemon() -> None:
    check_commutation(Spec((task(("load", "x")), task(("sleep", 1), cpu=1, daemon=True))), [1])


def test_who_waits_for_a_lock_whose_holder_ends_is_in_a_deadlock_at_once() -> None:
    machine = Machine()
    mutex, cell = machine.mutex("m"), machine.cell("spin")

    async def keep() -> None:
        await mutex.lock()

    async def wait() -> None:
        await mutex.lock()

    async def spin() -> None:
        while True:
            await cell.load()

    machine.task("keeper", keep)
    machine.task("waiter", wait, cpu=1)
    machine.task("spinner", spin)
    machine.seal()
    watch = Watch(machine, CHECKERS)
    inline.execute(machine, Replay([0]), watch=watch, max_steps=20)
    assert [finding.code for finding in watch.findings] == ["deadlock"]
