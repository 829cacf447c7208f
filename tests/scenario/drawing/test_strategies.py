"""Drawn scenarios as a strategy of Hypothesis."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.drivers.static import StaticExporter
from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.drawing.scenario import drawn
from dmabuf_async.scenario.drawing.strategies import _Drawn, programs, scenarios
from dmabuf_async.scenario.load import parse_scenario
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.scenario.writing import toml
from tests.effort import times
from tests.scenario.drawing import grounds
from tests.scenario.drawing.test_draws import Zeros

pytestmark = pytest.mark.unaudited

BASE = grounds.ground("swapping", "small")
QUIET = settings(max_examples=times(30, 10), deadline=None, database=None, derandomize=True)


def exporting(machine: Machine) -> None:
    StaticExporter(machine, machine.buffer("fb"), "ram")


def numbers(limit: int, answer: Callable[[int], int]) -> tuple[int, list[int]]:
    """The number that is drawn below ``limit``, and below what Hypothesis was asked for one."""
    asked: list[int] = []

    def draw(strategy: st.SearchStrategy[int]) -> int:
        high = int(re.fullmatch(r"integers\(min_value=0, max_value=(\d+)\)", repr(strategy))[1])  # type: ignore[index]
        asked.append(high)
        return answer(high)

    return _Drawn(draw).below(limit), asked


@pytest.mark.parametrize("limit", [1, 2, 64, 65, 100, 128, 4096, 4097, 1_000_000])
def test_every_number_below_the_limit_and_no_other_is_drawn_in_small_digits(limit: int) -> None:
    least, _ = numbers(limit, lambda _: 0)
    most, asked = numbers(limit, lambda high: high)
    assert (least, most) == (0, limit - 1)
    assert all(high < 64 for high in asked)


@given(scenario=scenarios(BASE))
@QUIET
def test_a_drawn_scenario_is_valid_and_stands_on_the_same_ground(scenario: Scenario) -> None:
    assert (scenario.machine, scenario.buffers["fb"]) == (BASE.machine, BASE.buffers["fb"])
    assert parse_scenario(toml(scenario), "x.toml", defects=DEFECTS, codes=CODES) == scenario


def test_what_it_shrinks_to_is_the_scenario_of_the_simplest_draws() -> None:
    least = find(scenarios(BASE), lambda _: True, settings=settings(database=None, derandomize=True))
    assert least == drawn(BASE, Zeros())


@given(program=programs(exporting))
@QUIET
def test_the_story_of_a_drawn_program_is_a_scenario_with_its_tasks(program: Program) -> None:
    drawn_part = parse_scenario(program.story, "x.toml", defects=DEFECTS, codes=CODES)
    declared = {actor.name for actor in program.machines()().actors}
    assert {task.name for task in drawn_part.tasks} <= declared
    assert program.findings == program.sometimes == ()


def test_programs_with_other_importers_are_other_programs() -> None:
    quietly = settings(database=None, derandomize=True, phases=[Phase.generate])
    seen: dict[bytes, str] = {}

    def differs(program: Program) -> bool:
        assert seen.setdefault(program.digest, program.story) == program.story
        return len(seen) > 2

    find(programs(exporting), differs, settings=quietly)


def test_a_function_that_makes_no_buffer_is_refused() -> None:
    with pytest.raises(ScenarioError, match="no buffer was made"):
        find(programs(lambda _: None), lambda _: True, settings=settings(database=None))
