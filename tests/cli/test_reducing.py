"""``scenario reduce``: what it prints, where it writes, and what it refuses."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.explore import reducing

pytestmark = pytest.mark.unaudited  # an audit looks at coroutines, and where a table knows there are none

SCENARIOS = Path(__file__).parents[2] / "scenarios"
ABBA = SCENARIOS / "locks" / "abba.toml"


def test_what_is_left_is_printed_as_a_file_with_its_replay_line(cli: Any) -> None:
    told = cli("scenario", "reduce", str(ABBA))
    assert (told.code, told.err) == (0, "")
    first, second, *_ = told.out.splitlines()
    assert first.startswith(f"# Reduced from {ABBA}: deadlock with 1 preemption, 2 steps, proved minimal (")
    Path("left.toml").write_text(told.out, encoding="utf-8")
    again = cli("replay", "left.toml", second.split()[-1])
    assert again.code == 0
    assert "x deadlock" in again.out
    assert cli("check", "left.toml").code == 0
    assert cli("scenario", "reduce", str(ABBA)).out == told.out


def test_with_a_file_it_is_written_there_and_the_line_to_type_is_printed(cli: Any) -> None:
    printed = cli("scenario", "reduce", str(ABBA)).out
    told = cli("scenario", "reduce", str(ABBA), "-o", "left.toml")
    assert told.code == 0
    assert Path("left.toml").read_text(encoding="utf-8") == printed.replace("FILE", "left.toml")
    assert cli(*shlex.split(told.out.splitlines()[1])[1:]).code == 0


def test_a_file_that_is_there_is_not_replaced_unless_it_is_said(cli: Any) -> None:
    Path("left.toml").write_text("mine", encoding="utf-8")
    told = cli("scenario", "reduce", str(ABBA), "-o", "left.toml")
    assert (told.code, told.out) == (2, "")
    assert "left.toml is there already: name another file, or say --force" in told.err
    assert Path("left.toml").read_text(encoding="utf-8") == "mine"
    assert cli("scenario", "reduce", str(ABBA), "-o", "left.toml", "--force").code == 0
    assert "deadlock" in Path("left.toml").read_text(encoding="utf-8")
    assert [one.name for one in Path().iterdir()] == ["left.toml"]


def test_a_file_is_not_lost_if_nothing_is_found(cli: Any, make: Any) -> None:
    Path("left.toml").write_text("mine", encoding="utf-8")
    scenario = make(repaired=True)
    told = cli("scenario", "reduce", scenario, "-o", "left.toml", "--force")
    assert (told.code, told.out) == (1, "")
    assert f"{scenario}: nothing was found in it" in told.err
    assert Path("left.toml").read_text(encoding="utf-8") == "mine"
    assert "no pin-leak was found" in cli("scenario", "reduce", make(), "--code", "pin-leak").err


def test_a_place_where_nothing_can_be_written_is_told_before_the_work(
    cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(reducing, "Least")
    told = cli("scenario", "reduce", str(ABBA), "-o", "missing/left.toml")
    assert told.code == 2
    assert "missing/left.toml cannot be written (No such file or directory)" in told.err


def test_a_schedule_says_what_is_meant(cli: Any, make: Any) -> None:
    scenario = make()
    told = cli("fuzz", scenario, "--executions", "50", "--lanes")
    schedule = next(line for line in told.out.splitlines() if line.startswith("  replay")).split()[-1]
    assert "access-without-backing" in cli("scenario", "reduce", scenario, schedule).out
    repaired = make("fine.toml", repaired=True)
    calm = cli("run", repaired).out.splitlines()
    nothing = next(line for line in calm if line.startswith("  replay")).split()[-1]
    told = cli("scenario", "reduce", repaired, nothing)
    assert (told.code, told.out) == (1, "")
    assert "this schedule shows no finding" in told.err
    assert cli("scenario", "reduce", scenario, nothing).code == 4


def test_a_schedule_is_enough_where_nothing_else_shows_the_finding(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reducing, "EXECUTIONS", 1)
    monkeypatch.setattr(reducing, "ROOM", 10)
    name = "mmap/zap-after-move.toml"
    kept = tomllib.loads((SCENARIOS.parent / "tests" / "explore" / "minima.toml").read_text(encoding="utf-8"))
    schedule = kept[name]["stale-pte"]["schedule"]
    assert cli("scenario", "reduce", str(SCENARIOS / name), "--code", "stale-pte").code == 1
    assert "stale-pte with 1 preemption" in cli("scenario", "reduce", str(SCENARIOS / name), schedule).out


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("dba1:0000.00", "--code", "deadlock"), "leave out --code"),
        (("--force",), "--force is about the file of --output"),
        (("--time", "0"), "--time"),
    ],
)
def test_options_that_mean_nothing_are_refused(cli: Any, args: tuple[str, ...], says: str) -> None:
    told = cli("scenario", "reduce", str(ABBA), *args)
    assert (told.code, told.out) == (2, "")
    assert says in told.err


def test_a_scenario_in_python_is_refused(cli: Any) -> None:
    python = SCENARIOS / "python" / "livelock.py"
    told = cli("scenario", "reduce", f"{python}:polite")
    assert (told.code, told.out) == (3, "")
    assert "only scenario files can be reduced" in told.err


def test_as_json_it_is_one_line(cli: Any) -> None:
    [line] = cli("scenario", "reduce", str(ABBA), "--json").objects
    assert (line["type"], line["finding"]["code"], line["bound"]) == ("reduced", "deadlock", "")
    assert (line["least"]["preemptions"], line["least"]["proved"]) == (1, True)
    assert line["toml"].startswith("# Reduced from ")
    assert line["schedule"] in line["toml"]
