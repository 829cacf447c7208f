"""What checkers remember after a step: known without being worked out, and never otherwise than if it were."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dmabuf_async import Machine, from_function
from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.engine import remembered as module
from dmabuf_async.engine.remembered import EVERY, Remembered
from dmabuf_async.errors import AuditError
from dmabuf_async.explore.graph import Graph
from dmabuf_async.machine.cells import Cell, Store
from dmabuf_async.ops import Op
from dmabuf_async.scenario import build
from dmabuf_async.scenario.load import load_scenario, parse_scenario
from dmabuf_async.scenario.program import Program

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and then there are no tables

CACHED = Path(__file__).parents[2] / "scenarios" / "cache" / "shared-line-repaired.toml"

FILLED = """
title = "Which frame a page is in is remembered by nobody until it is written"

[machine]
ram = 2
swap = 2

[buffers.a]
exporter = "swapping"
populated = false

[buffers.b]
exporter = "swapping"
populated = false

[[tasks]]
name = "one"
steps = [
  { do = "mmap", buffer = "a", as = "m" },
  { do = "load", at = "m", page = 0 },
  { do = "store", at = "m", page = 0 },
]

[[tasks]]
name = "other"
steps = [{ do = "mmap", buffer = "b", as = "m" }, { do = "load", at = "m", page = 0 }]
"""


def filled() -> Program:
    return build.program(parse_scenario(FILLED, "filled.toml", defects=DEFECTS, codes=CODES), "filled")


def cached() -> Program:
    """Two words of one page, of which the cache may load either."""
    scenario = load_scenario(CACHED, defects=DEFECTS, codes=CODES)
    environment = replace(scenario.environment, evictions=1, prefetches=2)
    return build.program(replace(scenario, environment=environment), "cached")


def own_stores() -> Program:
    def furnish(machine: Machine) -> None:
        async def store(cell: Cell) -> None:
            for value in range(20):
                await cell.store(value)

        for number in range(2):
            machine.task(f"task {number}", store, machine.cell(f"c{number}"))

    return from_function(furnish)


def whole(program: Program) -> Graph:
    graph = Graph(program)
    while graph.advance():
        pass
    return graph


@pytest.mark.parametrize("program", [filled(), cached(), own_stores()], ids=["filled", "cached", "stores"])
def test_the_graph_is_the_same_as_if_all_were_worked_out(monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    short = whole(program)

    def worked_out(self: Remembered, actor: Any, op: Op, cause: Hashable) -> None:
        self.now = None

    monkeypatch.setattr(Remembered, "change", worked_out)
    assert short.edges == whole(program).edges


def test_what_is_known_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    memory = Machine.memory

    def counted(machine: Machine) -> Hashable:
        nonlocal asked
        asked += 1
        return memory(machine)

    monkeypatch.setattr(Machine, "memory", counted)
    states = len(whole(own_stores()).edges)
    assert states == 21 * 21
    assert asked < states / 3


def test_what_was_met_lately_is_known_and_what_was_met_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 2)
    machine = Machine()
    remembered = Remembered(machine, {})
    op: Any = Store(machine.cell("c"), 1)
    actor = machine.task("t", own_stores)

    def known(cause: str) -> bool:
        remembered.change(actor, op, cause)
        found = remembered.now is not None
        remembered.number()
        return found

    assert [known(cause) for cause in "abc"] == [False, False, False]
    assert known("a"), "it is of the two that came before the latest"
    assert not known("d")
    assert [known(cause) for cause in "ac"] == [True, True]
    assert not known("b")


def test_a_step_that_is_taken_back_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    monkeypatch.setattr(Machine, "memory", lambda _: "now")
    remembered = Remembered(machine, {})
    op: Any = Store(machine.cell("c"), 1)
    actor = machine.task("t", own_stores)
    remembered.change(actor, op, "cause")
    remembered.put_back(None)
    now = remembered.number()
    monkeypatch.setattr(Machine, "memory", lambda _: "later")
    remembered.change(actor, op, "cause")
    assert remembered.number() != now


def test_a_step_that_touches_more_than_it_says_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine()
    memories: list[str] = []
    monkeypatch.setattr(Machine, "memory", lambda _: memories[-1])
    remembered = Remembered(machine, {})
    op: Any = Store(machine.cell("c"), 1)
    actor = machine.task("t", own_stores)
    memories.append("as it was")
    remembered.change(actor, op, "cause")
    remembered.number()
    for _ in range(EVERY - 1):
        remembered.change(actor, op, "cause")
    memories.append("otherwise")
    remembered.number()
    with pytest.raises(AuditError, match=r"t: what checkers remember after store c 1 differs .* more than it says"):
        remembered.change(actor, op, "cause")
