"""Simpler scenarios: each lacks something, is one that a file can say, and has importers that keep the rules."""

from __future__ import annotations

import pytest

from dmabuf_async.scenario.drawing.draws import Dice
from dmabuf_async.scenario.drawing.scenario import drawn
from dmabuf_async.scenario.drawing.simpler import simpler
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.scenario.writing import toml
from tests.effort import times
from tests.scenario.conftest import Parse
from tests.scenario.drawing.grounds import ground
from tests.scenario.drawing.test_scenario import found

NESTED = """
title = "one in the other"
[buffers.fb]
[devices.gpu]
[[tasks]]
name = "process"
kind = "user"
steps = [
  { do = "attach", device = "gpu", buffer = "fb", as = "a" },
  { do = "map_dma_buf", at = "a" },
  { do = "get_backing_storage", buffer = "fb" },
  { do = "kmap", buffer = "fb", as = "m" },
  { do = "dma_read", at = "a", as = "t" },
  { do = "store", at = "m" },
  { do = "dma_wait", for = "t" },
  { do = "kunmap", at = "m" },
  { do = "put_backing_storage", buffer = "fb" },
  { do = "unmap_dma_buf", at = "a" },
  { do = "detach", at = "a" },
]
"""


def steps(scenario: Scenario) -> list[str]:
    return [str(step.__struct_config__.tag) for task in scenario.tasks for step in task.steps]


def test_what_stands_around_others_goes_with_what_needs_it_and_no_more(parse: Parse) -> None:
    left = [" ".join(steps(one)) for one in simpler(parse(NESTED))]
    pins = "get_backing_storage kmap store kunmap put_backing_storage"
    assert pins in left, "without the device"
    assert "attach map_dma_buf dma_read dma_wait unmap_dma_buf detach" in left, "without the pin"
    assert f"attach {pins} detach" in left, "without the mapping of the device"
    assert f"attach map_dma_buf {pins} unmap_dma_buf detach" in left, "without the transfer"


def test_a_device_that_nobody_attaches_goes_too(parse: Parse) -> None:
    (without,) = (one for one in simpler(parse(NESTED)) if "attach" not in steps(one))
    assert not without.devices


@pytest.mark.unaudited
@pytest.mark.parametrize("exporter", ["static", "swapping", "migrating"])
def test_what_is_simpler_keeps_the_rules_as_well(exporter: str, parse: Parse) -> None:
    base = ground(exporter, "two pages and slots")
    for seed in range(times(12, 4)):
        scenario, dice = drawn(base, Dice(seed)), Dice(seed)
        while candidates := list(simpler(scenario)):
            scenario = candidates[dice.below(len(candidates))]
            assert parse(toml(scenario)) == scenario
            assert found(scenario, executions=2) == [], f"seed {seed}"


def test_in_the_end_nothing_is_left_to_take_out(parse: Parse) -> None:
    scenario = parse(NESTED)
    while candidates := list(simpler(scenario)):
        scenario = candidates[0]
    assert len(scenario.tasks) == 1
    assert len(steps(scenario)) == 2
