from __future__ import annotations

from collections import Counter
from statistics import mean
from typing import Any

import pytest

from benchmarks.sctbench import BUGS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.surw import Surw
from dmabuf_async.tasks import Group
from tests.generated import program
from tests.strategies.sampled import about, measures, observed, runs

pytestmark = pytest.mark.unaudited  # thousands of executions

N = 3000


def uneven(machine: Machine) -> Any:
    """Three actors that store to one counter once, after 0, 4 and 9 steps of their own."""
    x = machine.counter("x")
    order: list[str] = []

    async def work(name: str, own: Any, before: int) -> None:
        for _ in range(before):
            await own.add(1)
        await x.store(1)
        order.append(name)

    for name, before in (("a", 0), ("b", 4), ("c", 9)):
        machine.task(name, work, name, machine.counter(f"own {name}"), before)
    return lambda: "".join(order)


def test_the_accesses_of_the_selected_object_come_in_every_order_equally_often() -> None:
    counts = observed(uneven, Surw(1), N)
    assert len(counts) == 6
    assert all(about(count, N, 1 / 6) for count in counts.values())
    assert observed(uneven, RandomWalk(1), N)["cba"] < N / 50  # who draws by the steps alone hardly gets there


def test_objects_are_selected_in_proportion_to_their_accesses() -> None:
    def build(machine: Machine) -> Any:
        x, y = machine.counter("x"), machine.counter("y")

        async def work() -> None:
            for _ in range(3):
                await x.add(1)
            await y.add(1)

        for name in "ab":
            machine.task(name, work)
        return lambda: None

    strategy = Surw(2)
    selected = Counter(strategy._key for _ in runs(build, strategy, N))
    assert len(selected) == 2
    assert about(max(selected.values()), N, 3 / 4)


def test_nothing_shared_is_no_reason_to_stop() -> None:
    def build(machine: Machine) -> Any:
        async def work(own: Any) -> None:
            await own.add(1)

        for name in "ab":
            machine.task(name, work, machine.counter(name))
        return lambda: None

    assert {ran.stopped for ran in runs(build, Surw(3), 20)} == {"ended"}


def test_who_was_drawn_and_cannot_go_on_is_forgotten() -> None:
    """Whoever is drawn first may wait for a lock that somebody holds who stands before the lock too."""

    def build(machine: Machine) -> Any:
        mutex = machine.mutex("m")
        order: list[str] = []

        async def work(name: str) -> None:
            for _ in range(2):
                await mutex.lock()
                order.append(name)
                await mutex.unlock()

        for name in "ab":
            machine.task(name, work, name)
        return lambda: "".join(order)

    ran = list(runs(build, Surw(4), 1000))
    assert {one.stopped for one in ran} == {"ended"}
    assert len({one.observed for one in ran}) == 6


def test_who_was_drawn_and_has_ended_is_forgotten() -> None:
    """What was measured is more than ever comes again."""

    def build(machine: Machine) -> Any:
        x = machine.counter("x")
        order: list[str] = []

        async def work(name: str) -> None:
            for _ in range(9 if strategy.measuring and name == "a" else 1):
                await x.add(1)
            order.append(name)

        for name in "ab":
            machine.task(name, work, name)
        return lambda: "".join(order)

    strategy = Surw(5)
    counts = observed(build, strategy, N)
    assert about(counts["ba"], N, 1 / 10)


class Checked(Surw):
    """Looks at itself before each choice."""

    def pick(self, current: Actor) -> Actor:
        picked = super().pick(current)
        for note in self._waiting:
            op, actor = note.op, note.actor
            assert note.waiting
            assert actor.path in self._bag
            assert op is not None
            if op is actor.op:  # else a kill or a cancellation has put another one in its place
                assert self._key in [thing.key for thing in (*op.reads(actor), *op.writes(actor))]
        return picked


def test_whoever_waits_stands_before_the_object_and_can_be_drawn() -> None:
    """Also after steps that nobody chose, interrupts, kills, spawns and joins."""
    for number in range(150):
        machines, strategy = program(number).machines(), Checked(9)
        for _ in range(12):
            machine = machines()
            core = inline.execute(machine, strategy, watch=Watch(machine), max_steps=300)
            assert core is not None
            assert core.stopped != "cut"


def test_accesses_that_were_not_measured_count_as_one() -> None:
    def build(machine: Machine) -> Any:
        x = machine.counter("x")
        order: list[str] = []

        async def work(name: str, count: int) -> None:
            for _ in range(count):
                await x.add(1)
                order.append(name)

        machine.task("a", work, "a", 2)
        machine.task("b", work, "b", 1 if measures(strategy) else 3)
        return lambda: "".join(order)

    strategy = Surw(6)
    counts = observed(build, strategy, N)
    assert len(counts) == 10
    first = sum(count for order, count in counts.items() if order[0] == "b")
    assert about(first, N, 1 / 3)


def test_the_draw_of_an_unborn_actor_is_its_ancestors_until_it_is_born() -> None:
    def build(machine: Machine) -> Any:
        x = machine.counter("x")
        order: list[str] = []

        async def add(name: str, count: int) -> None:
            for _ in range(count):
                await x.add(1)
                order.append(name)

        async def parent() -> None:
            await add("p", 1)
            async with Group() as group:
                await group.spawn(add, "c", 4)

        machine.task("parent", parent)
        machine.task("other", add, "o", 2)
        return lambda: "".join(order)

    seen = [ran.observed for ran in runs(build, Surw(7), N)]
    assert about(sum(order[0] == "p" for order in seen), N, 5 / 7)
    assert len(set(seen)) == 21


def mean_to_first(name: str, seeds: int) -> float:
    build, code = BUGS[name]
    found = []
    for seed in range(seeds):
        strategy = Surw(seed)
        runs_ = runs(build, strategy, 1000)
        found.append(1 + next(number for number, ran in enumerate(runs_, 1) if code in ran.codes))
    return mean(found)


def test_it_finds_what_only_a_long_window_shows() -> None:
    assert mean_to_first("reorder_10", 20) <= 40
    assert mean_to_first("twostage_20", 20) <= 20


def test_another_order_of_all_else_comes_after_an_access() -> None:
    """With priorities kept for the whole execution, who comes first before it would come first after it."""

    def build(machine: Machine) -> Any:
        x = machine.counter("x")
        order: list[str] = []

        async def work(name: str, own: Any) -> None:
            await own.add(1)
            order.append(name)
            await x.add(1)
            await own.add(1)
            order.append(name)

        for name in "ab":
            machine.task(name, work, name, machine.counter(f"own {name}"))
        return lambda: "".join(order)

    assert {"abba", "baab"} < set(observed(build, Surw(8), 300))
