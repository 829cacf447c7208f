"""``fuzz --faults K``, and what is told of sites."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

SCENARIOS = Path(__file__).parents[2] / "scenarios"
LEAK = str(SCENARIOS / "memory" / "enomem-leaks-frames.toml")
KILLED = str(SCENARIOS / "mmap" / "killed-repaired.toml")


def test_the_default_campaign_has_a_member_that_lets_each_site_fail(cli: Any) -> None:
    told = cli("fuzz", LEAK, "--executions", "60")
    assert told.code == 0
    assert "\n         faults   2 of 2 sites failed at least once\n" in told.out
    verdict, _ = cli("fuzz", KILLED, "--executions", "500", "--json", "--junit", "out.xml").objects
    sites = verdict["sites"]
    assert sites["known"] > 10
    told = {one.get("name"): one.get("value") for one in ET.parse("out.xml").iter("property")}  # noqa: S314 - our own file
    assert (told["sites.known"], told["sites.failed"]) == (str(sites["known"]), str(sites["failed"]))


@pytest.mark.parametrize("strategy", ["portfolio", "random", "pct"])
def test_a_scenario_that_needs_a_fault_shows_nothing_without(cli: Any, strategy: str) -> None:
    told = cli("fuzz", LEAK, "--executions", "40", "--strategy", strategy, "--faults", "0")
    assert told.code == 1
    assert "frame-leak never found" in told.out
    assert "faults  " not in told.out
    assert cli("fuzz", LEAK, "--executions", "40", "--strategy", strategy, "--faults", "1").code == 0


def test_where_nothing_can_fail_nothing_is_told_of_it(cli: Any, make: Any) -> None:
    verdict, _ = cli("fuzz", make(), "--executions", "20", "--json").objects
    assert verdict["sites"] is None
    assert verdict["sample"]["drawn"] == 4, "one of five"


def test_a_negative_number_of_faults_is_refused(cli: Any, make: Any) -> None:
    told = cli("fuzz", make(), "--faults", "-1")
    assert told.code == 2
    assert "--faults" in told.err
    assert told.err.count("\n") == 1
