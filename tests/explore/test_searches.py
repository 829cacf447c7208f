from __future__ import annotations

from dataclasses import replace

import pytest

from dmabuf_async.explore.checking import checking
from dmabuf_async.explore.searches import KINDS, searching
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.properties import property_of
from dmabuf_async.scenario.python import from_function

pytestmark = pytest.mark.unaudited


@pytest.fixture
def program() -> Program:
    def build(machine: Machine) -> None:
        done = machine.counter("done")

        async def one() -> None:
            await done.add(1)

        machine.task("one", one)
        machine.task("two", one, cpu=1)

    return from_function(build)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_proves_a_program_with_nothing_wrong(program: Program, kind: str) -> None:
    verdict = checking(program, searching(program, kind))
    assert (verdict.strength, verdict.exit_code, verdict.bound) == ("exhaustive", 0, "")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_finds_what_breaks_a_property(program: Program, kind: str) -> None:
    broken = replace(program, always=(property_of("done < 2"),))
    verdict = checking(broken, searching(broken, kind))
    assert {failure.finding.code for failure in verdict.failures} == {"always-violated"}
    assert verdict.exit_code == 1


def test_what_must_come_eventually_is_never_proved_by_dpor_alone(program: Program) -> None:
    asks = replace(program, eventually=(property_of("done == 2"),))
    alone = checking(asks, searching(asks, "dpor"))
    assert (alone.strength, alone.exit_code) == ("unfinished", 6)
    assert alone.bound == "eventually-violated not decided by this search"
    assert searching(asks, "auto").name == "graph"
    for kind in ("auto", "graph", "both"):
        assert checking(asks, searching(asks, kind)).strength == "exhaustive"


def test_a_name_that_is_none_is_refused(program: Program) -> None:
    with pytest.raises(ValueError, match="there is no search 'bfs': take one of auto, dpor, graph, both"):
        searching(program, "bfs")
