"""The exact minimum of every finding that the catalogue expects, pinned: ``1 preemption, 29 steps``.

``minima.toml`` has for each bad scenario and each code that it names the least schedule that shows it, or why there is
none. ``UPDATE_GOLDEN=1`` writes it anew, which takes about a minute; so long takes a proof of all of them, too,
``MINIMA=all``. Otherwise the schedules are replayed, and proved are those that are quickly proved.
"""

from __future__ import annotations

import json
import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.explore.cost import Cost
from dmabuf_async.explore.execution import execute
from dmabuf_async.explore.following import follow
from dmabuf_async.explore.least import Least
from dmabuf_async.explore.replaying import strategy_for
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.trace.schedule import encode

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

SCENARIOS: Final = Path(__file__).parents[2] / "scenarios"
MINIMA: Final = Path(__file__).with_name("minima.toml")
QUICK: Final = 1_500
"""States of a proof that is always made."""
ROOM: Final = 100_000
"""Places of a search that may find nothing."""


@cache
def bad_scenarios() -> dict[str, Program]:
    """Those that expect findings, by name."""
    programs = (catalogue.load(name) for name in catalogue.find([str(SCENARIOS)]))
    return {one.name.removeprefix(f"{SCENARIOS}/"): one for one in programs if one.findings}


def search(program: Program, code: str) -> Least:
    """All that is cheaper than the cheapest execution which shows that code as a primary finding."""
    found = Least(program, lambda finding: finding.code == code, checkers=CHECKERS, max_places=ROOM)
    while found.advance((1_000, 1_000)):
        pass
    found.close()
    return found


def minimum(program: Program, code: str) -> dict[str, Any]:
    """What is kept of it."""
    found = search(program, code)
    if not found.found:
        return {"none": f"in {found.states:,} states" + (", and there are more" if found.full else ", which are all")}
    labels, cost = found.labels()
    choices, _ = follow(program, labels, CHECKERS)
    schedule = encode(program.digest, choices)
    return {"least": str(cost), "cost": list(cost), "schedule": schedule, "states": found.states}


def write() -> None:
    """Find all minima anew."""
    lines = ["# Of each finding that a scenario of the catalogue expects, the least schedule: see test_minima.py."]
    for name, program in bad_scenarios().items():
        for code in program.findings:
            kept = ", ".join(f"{key} = {json.dumps(value)}" for key, value in minimum(program, code).items())
            lines.append(f'"{name}".{code} = {{ {kept} }}')
    MINIMA.write_text("\n".join(lines) + "\n", encoding="utf-8")


if os.environ.get("UPDATE_GOLDEN"):
    write()
PINNED: Final[dict[str, dict[str, dict[str, Any]]]] = tomllib.loads(MINIMA.read_text(encoding="utf-8"))
SHOWN: Final = [(name, code) for name, codes in PINNED.items() for code, kept in codes.items() if "least" in kept]
PROVED: Final = [
    (name, code) for name, code in SHOWN if PINNED[name][code]["states"] <= QUICK or os.environ.get("MINIMA") == "all"
]


def test_every_finding_that_the_catalogue_expects_is_pinned() -> None:
    expected = {(name, code) for name, program in bad_scenarios().items() for code in program.findings}
    assert {(name, code) for name, codes in PINNED.items() for code in codes} == expected


@pytest.mark.parametrize("name", sorted({name for name, _ in SHOWN}))
def test_the_least_schedule_shows_it_at_its_cost(name: str) -> None:
    program = bad_scenarios()[name]
    for code, kept in PINNED[name].items():
        if "least" not in kept:
            continue
        shown = execute(program, strategy_for(program, kept["schedule"]), footprints=False)
        assert shown is not None
        cost = Cost(*kept["cost"])
        steps = {finding.step for finding in shown.primary if finding.code == code}
        assert steps
        assert cost.steps in {*steps, shown.steps}  # at its step, or at the end of the run
        events = shown.trace.events[: cost.steps]
        assert sum(event.preempts is not None for event in events) == cost.preemptions
        assert kept["least"] == str(cost)


@pytest.mark.parametrize(("name", "code"), PROVED)
def test_nothing_cheaper_shows_it(name: str, code: str) -> None:
    found = search(bad_scenarios()[name], code)
    assert found.found
    assert list(found.labels()[1]) == PINNED[name][code]["cost"]
