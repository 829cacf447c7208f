from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

BRANCHES = """
from dmabuf_async.scenario.python import scenario

async def task(cell, rounds):
    for turn in range(rounds):
        await cell.store_release(turn)

@scenario(title="as many as the world has today")
def some(machine):
    from pathlib import Path
    cell = machine.cell("c")
    for name, rounds in zip("abcd", Path("world").read_text().split()):
        machine.task(name, task, cell, int(rounds))
"""


def schedule_of(told: Any) -> str:
    line = next(line for line in told.out.splitlines() if line.startswith("  replay   "))
    return str(line.split()[-1])


def test_a_replay_shows_the_same_on_each_engine(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    ran = cli("run", scenario, "--seed", "5")
    schedule = schedule_of(ran)
    for engine in ("inline", "asyncio", "trio"):
        told = cli("replay", scenario, schedule, "--engine", engine)
        assert told.code == 1
        assert told.out.split("  verdict")[0] == ran.out.split("  verdict")[0]
        assert schedule_of(told) == schedule


def test_as_json_it_is_replayed(cli: Any, make: Any) -> None:
    scenario = make(repaired=True)
    told = cli("replay", scenario, schedule_of(cli("run", scenario)), "--json")
    assert (told.code, told.objects[-1]["strength"]) == (0, "replayed")


def test_a_schedule_of_another_scenario_is_told(cli: Any, make: Any) -> None:
    schedule = schedule_of(cli("run", make()))
    told = cli("replay", make("repaired.toml", repaired=True), schedule)
    assert (told.code, told.out) == (4, "")
    assert "another scenario" in told.err
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("engine", ["inline", "asyncio", "trio"])
def test_a_choice_that_does_not_exist_is_told_with_its_step(cli: Any, tmp_path: Path, engine: str) -> None:
    (tmp_path / "world.py").write_text(BRANCHES)
    (tmp_path / "world").write_text("3 3 3 3")
    schedule = next(
        found
        for found in (schedule_of(cli("run", "world.py", "--seed", str(seed))) for seed in range(50))
        if found.partition(".")[2][0] in "345"
    )
    (tmp_path / "world").write_text("9 9")
    told = cli("replay", "world.py", schedule, "--engine", engine)
    assert (told.code, told.out) == (4, "")
    assert "step 1: choice 1 of the schedule is option" in told.err


@pytest.mark.parametrize("engine", ["inline", "asyncio", "trio"])
def test_an_execution_that_ends_too_soon_is_told(cli: Any, tmp_path: Path, engine: str) -> None:
    (tmp_path / "world.py").write_text(BRANCHES)
    (tmp_path / "world").write_text("9 9")
    schedule = schedule_of(cli("run", "world.py"))
    (tmp_path / "world").write_text("1 1")
    told = cli("replay", "world.py", schedule, "--engine", engine)
    assert (told.code, told.out) == (4, "")
    assert "ended after 2 steps and without a finding" in told.err


@pytest.mark.parametrize("cut", [1, 3, -1])
def test_a_truncated_schedule_is_a_usage_error(cli: Any, make: Any, cut: int) -> None:
    scenario = make()
    schedule = schedule_of(cli("run", scenario))
    for verb in (("replay", scenario, schedule[:-cut] if cut > 0 else "dba1:"), ("run", scenario, "--schedule", "dba")):
        told = cli(*verb)
        assert (told.code, told.out) == (2, "")
        assert told.err.count("\n") == 1


def test_a_schedule_is_looked_at_before_the_scenario(cli: Any) -> None:
    told = cli("replay", "nowhere.toml", "dba1:")
    assert told.code == 2


# --as-test -------------------------------------------------------------------------


def replayable(cli: Any, scenario: str) -> tuple[str, str]:
    found = re.search(r"^  replay   dmabuf-async replay (\S+) (dba1:\S+)$", cli("run", scenario).out, re.MULTILINE)
    assert found is not None
    return found[1], found[2]


def test_as_a_test_it_is_a_module_and_nothing_else(cli: Any, make: Any) -> None:
    line = replayable(cli, make(expect=""))
    told = cli("replay", "--as-test", *line)
    assert (told.code, told.err) == (0, "")
    compile(told.out, "test_it.py", "exec")
    assert f"Printed by: dmabuf-async replay --as-test {line[0]} {line[1]}\n" in told.out
    (as_json,) = cli("replay", "--as-test", *line, "--json").objects
    assert as_json == {"schema": 1, "type": "test", "scenario": line[0], "schedule": line[1], "text": told.out}


def test_what_shows_nothing_is_no_test(cli: Any, make: Any) -> None:
    told = cli("replay", "--as-test", *replayable(cli, make(repaired=True)))
    assert (told.code, told.out) == (1, "")
    assert "race.toml: this execution shows no finding, so that there is nothing to fail for" in told.err


@pytest.mark.parametrize("option", [("--all",), ("--pdb", "1")])
def test_a_test_shows_no_steps(cli: Any, make: Any, option: tuple[str, ...]) -> None:
    told = cli("replay", "--as-test", *option, *replayable(cli, make()))
    assert (told.code, told.out) == (2, "")
    assert f"--as-test shows no steps: leave out {option[0]}" in told.err
