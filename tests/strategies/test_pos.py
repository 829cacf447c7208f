from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.pos import Pos
from tests.harness import Build
from tests.strategies.sampled import about, observed

pytestmark = pytest.mark.unaudited  # thousands of executions

N = 4000


def racing(*ops: Callable[[Machine], list[Any]]) -> Build:
    """Tasks that perform these ops; says in which order they ended."""

    def build(machine: Machine) -> Any:
        machine.counter("x")
        for name in "abc":
            machine.counter(f"own {name}")
        order: list[str] = []

        async def work(name: str, todo: list[Any]) -> None:
            for op in todo:
                await op
            order.append(name)

        for name, todo in zip("abc", ops, strict=False):
            machine.task(name, work, name, todo(machine), cpu=ord(name) % 2)
        return lambda: "".join(order)

    return build


def stores(counter: str, times: int) -> Callable[[Machine], list[Any]]:
    return lambda machine: [machine.things[f"counter {counter}"].store(1)] * times  # type: ignore[attr-defined]


def reads(counter: str, times: int) -> Callable[[Machine], list[Any]]:
    return lambda machine: [machine.things[f"counter {counter}"].load()] * times  # type: ignore[attr-defined]


def test_ops_of_equal_rank_come_in_every_order_equally_often() -> None:
    counts = observed(racing(stores("x", 1), stores("x", 1), stores("x", 1)), Pos(1), N)
    assert len(counts) == 6
    assert all(about(count, N, 1 / 6) for count in counts.values())


def test_an_op_keeps_its_priority_while_others_make_steps_that_do_not_conflict_with_it() -> None:
    """All five draws of ``a`` must beat the one of ``b``: 1/6, where a random walk has 1/32."""
    counts = observed(racing(stores("own a", 5), stores("own b", 1)), Pos(2), N)
    assert about(counts["ab"], N, 1 / 6)


def test_after_a_step_each_pending_op_that_conflicts_with_it_draws_anew() -> None:
    """Every step of ``a`` makes ``b`` draw again: 1/2 each."""
    counts = observed(racing(stores("x", 5), stores("x", 1)), Pos(3), N)
    assert about(counts["ab"], N, 1 / 2**5)


def test_a_read_makes_writers_draw_anew_and_a_write_readers() -> None:
    assert about(observed(racing(reads("x", 5), stores("x", 1)), Pos(4), N)["ab"], N, 1 / 2**5)
    assert about(observed(racing(stores("x", 5), reads("x", 1)), Pos(5), N)["ab"], N, 1 / 2**5)


def test_two_reads_do_not_conflict() -> None:
    assert about(observed(racing(reads("x", 5), reads("x", 1)), Pos(6), N)["ab"], N, 1 / 6)


def test_a_step_that_nobody_chose_makes_those_draw_anew_that_conflict_with_it() -> None:
    """``b`` waits until ``a`` is through with three stores that nobody chooses, and then they compete."""

    def build(machine: Machine) -> Any:
        x, gate = machine.counter("x"), machine.counter("gate")
        order: list[str] = []

        async def a() -> None:
            await gate.store(1)
            await x.store(1)
            order.append("a")

        async def b() -> None:
            await gate.wait("==", 1)
            await x.store(2)
            order.append("b")

        machine.task("a", a)
        machine.task("b", b, cpu=1)
        return lambda: "".join(order)

    # a's store of x draws once, b's wait once and its store once: a first if it beats both or loses to neither
    counts = observed(build, Pos(7), N)
    assert about(counts["ab"], N, 2 / 3)


def test_a_step_that_changes_a_cpu_makes_everybody_there_draw_anew() -> None:
    def build(machine: Machine) -> Any:
        own = machine.counter("own")
        order: list[str] = []

        async def a() -> None:
            for _ in range(3):
                await machine.cpus[0].local_irq_disable()
                await machine.cpus[0].local_irq_enable()
            order.append("a")

        async def b() -> None:
            await own.store(1)
            order.append("b")

        machine.task("a", a)
        machine.task("b", b)
        return lambda: "".join(order)

    # each of the three times that a leaves atomic context, both draw anew
    assert about(observed(build, Pos(8), N)["ab"], N, 1 / 2**3)
