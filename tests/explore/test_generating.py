"""Campaigns of drawn scenarios: what they find, how small it gets, and that the same seed finds the same."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.generating import Decided, Generated, decide, generate
from dmabuf_async.scenario.build import program
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.scenario.writing import toml
from dmabuf_async.strategies import catalogue
from tests.scenario.drawing.grounds import ground

pytestmark = pytest.mark.unaudited


def decided(scenario: Scenario) -> Decided:
    return perform(decide(program(scenario, "drawn"), catalogue.strategy("portfolio", 0), executions=10))


def campaign(*defects: str, scenarios: int = 20, **more: float) -> Generated:
    return generate(ground("swapping", "small", *defects), decided, scenarios=scenarios, **more)  # type: ignore[arg-type]


def test_a_right_exporter_is_not_accused() -> None:
    result = campaign()
    assert result.smallest is None
    assert result.done
    assert 10 < result.scenarios <= 20, "some are drawn twice"
    assert result.executions == 10 * result.scenarios


def test_what_is_found_is_shrunk_to_what_it_takes() -> None:
    result = campaign("no-shootdown", scenarios=60)
    assert result.code == "mapped-while-moving"
    assert result.smallest is not None
    mover, user = result.smallest.tasks
    assert [step.__struct_config__.tag for step in mover.steps] == ["swap_out"]
    assert [step.__struct_config__.tag for step in user.steps] == ["mmap", "store"]
    assert result.done


def test_without_shrinking_the_first_scenario_that_shows_it_is_told() -> None:
    whole = campaign("evict-test-outside-lock", scenarios=60, shrinks=False)
    assert whole.scenarios == whole.first
    assert whole.smallest is not None


def test_a_campaign_ends_when_its_time_is_over() -> None:
    result = campaign(scenarios=10**6, seconds=0.0)
    assert (result.scenarios, result.done, result.interrupted) == (0, False, False)


def test_an_interrupt_ends_it_with_what_there_is() -> None:
    seen = 0

    def interrupted(scenario: Scenario) -> Decided:
        nonlocal seen
        seen += 1
        if seen == 5:
            raise KeyboardInterrupt
        return decided(scenario)

    result = generate(ground("swapping", "small"), interrupted, scenarios=20)
    assert (result.scenarios, result.done, result.interrupted) == (4, False, True)


def test_an_execution_with_a_finding_is_the_last() -> None:
    scenario = ground("swapping", "small", "evict-test-outside-lock")
    result = campaign("evict-test-outside-lock", scenarios=60)
    assert result.smallest is not None
    one = decided(result.smallest)
    assert one.failures
    assert one.executions == one.failures[0].execution
    assert decided(scenario).failures == ()


PRINTS = """
from tests.explore.test_generating import campaign
from dmabuf_async.scenario.writing import toml
result = campaign("free-before-copy", seed=5)
print(result.scenarios, result.executions, result.first, toml(result.smallest))
"""


def test_the_same_seed_finds_the_same_in_every_process() -> None:
    result = campaign("free-before-copy", seed=5)
    assert result.smallest is not None
    here = f"{result.scenarios} {result.executions} {result.first} {toml(result.smallest)}\n"
    for number in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PRINTS], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": number}
        )
        assert done.stdout == here
