from __future__ import annotations

import json
import os
import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from dmabuf_async.cli import options
from dmabuf_async.strategies import SAMPLING

GOLDEN = Path(__file__).parent / "golden"
CIRCLE = Path(__file__).parents[2] / "scenarios" / "locks" / "order-over-executions.toml"
NONDETERMINISTIC = """
import itertools
from dmabuf_async.scenario.python import scenario
from dmabuf_async.tasks import Group
turns = itertools.count()

async def task(cell):
    await cell.store(1)
    assert next(turns) % 7 != 5

@scenario(title="chance")
def chance(machine):
    cell = machine.cell("c")
    machine.task("a", task, cell)
    machine.task("b", task, cell)
"""


def stable(text: str) -> str:
    """Without what depends on the clock."""
    return re.sub(r"in [\d.]+ s \([\d,]+/s\)", "in T s (N/s)", text)


def golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_campaign_looks_as_agreed(cli: Any, make: Any) -> None:
    make("cases/race.toml")
    make("cases/race-repaired.toml", repaired=True)
    make("cases/unexpected.toml", expect="")
    make(
        "cases/vacuous.toml",
        repaired=True,
        expect='findings = ["bad-range"]\nsometimes = ["evictor reaches swap_out", "importer reaches kmap"]',
        edit=('get_backing_storage"', 'get_backing_storage", start = 1'),
    )
    make("other/missing.toml", repaired=True, expect='findings = ["pin-leak"]')
    Path("other/empty.toml").touch()
    told = cli("fuzz", "cases", "other", "--executions", "50")
    golden("fuzz", f"{stable(told.out)}--- stderr, exit {told.code}\n{told.err}")


def test_a_circle_over_several_executions_has_a_line_to_replay_for_each_edge(cli: Any) -> None:
    text = CIRCLE.read_text(encoding="utf-8").partition("[expect]")[0]
    Path("circle.toml").write_text(text, encoding="utf-8")
    walk = ("--executions", "50", "--strategy", "random")
    shown = cli("fuzz", "circle.toml", *walk, "--junit", "out.xml")
    assert shown.code == 1
    golden("fuzz-circle", stable(shown.out))
    replays = re.findall(r"^  replay   (.*)$", shown.out, re.MULTILINE)
    assert len(replays) == 2
    for line in replays:
        assert cli(*shlex.split(line)[1:]).code == 0  # by itself each is fine
    failure = ET.parse("out.xml").find(".//failure")  # noqa: S314 - our own file
    assert failure is not None
    assert all(f"replay   {line}\n" in str(failure.text) for line in replays)
    [verdict, _] = cli("fuzz", "circle.toml", *walk, "--json").objects
    edges = verdict["failures"][0]["edges"]
    assert [(edge["actor"], edge["held"], edge["taken"]) for edge in edges] == [
        ("front", "list", "state"),
        ("back", "state", "list"),
    ]
    assert [edge["schedule"] for edge in edges] == [line.split()[-1] for line in replays]


def test_what_the_silence_is_worth_is_told_of_one_scenario(cli: Any, make: Any) -> None:
    told = cli("fuzz", make(repaired=True), "--executions", "60", "--strategy", "random").out
    assert re.search(
        r"^ +seen +\d+ happens-before classes and \d+ states in 52 of 60 random executions$", told, re.MULTILINE
    )
    assert re.search(r"^ +left +.*of random executions.* are still of a new class", told, re.MULTILINE)
    assert "a finding comes in at most 4.9% of them" in " ".join(told.split())


def test_which_member_of_the_portfolio_found_what_is_told_of_one_scenario(cli: Any, make: Any) -> None:
    told = cli("fuzz", make(), "--executions", "60").out
    assert "\n         found    access-without-backing 60 times, first by number 1 (random)\n" in told
    told = cli("fuzz", make(expect=""), "--executions", "60").out
    assert " found    " not in told, "it is shown at length"
    members = "(pct 12, pos 12, random 12, surw 12, urw 12)"
    assert f"found by 60 of 60 executions {members}, first by number 1 (random)" in " ".join(told.split())
    told = cli("fuzz", make(), "--executions", "1", "--strategy", "pos").out
    assert "\n         found    access-without-backing once, first by number 1\n" in told


def test_of_several_the_one_is_told_that_most_is_left_of(cli: Any, make: Any) -> None:
    many = str(CIRCLE.parents[1] / "kmap" / "three-importers.toml")
    told = cli("fuzz", make(), many, "--executions", "50", "--strategy", "random").out
    assert " seen " not in told
    assert re.search(
        r"^left: 1 of them still show new classes in more than 10% of random executions, .*s.toml in \d\d%$",
        told,
        re.MULTILINE,
    )
    assert "left" not in cli("fuzz", make(), make("b.toml", repaired=True), "--executions", "300").out


def test_each_file_that_gets_what_it_expects_is_fine(cli: Any, make: Any) -> None:
    told = cli("fuzz", make(), make("fixed.toml", repaired=True), "--executions", "30")
    assert told.code == 0
    assert told.err == ""
    assert "2 scenarios: 2 as expected" in told.out


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        ('findings = ["access-without-backing"]', 0),
        ('findings = ["access-without-backing", "pin-leak"]', 0),
        ('findings = ["pin-leak"]', 1),
        ("", 1),
        ('findings = ["access-without-backing"]\nsometimes = ["importer reaches kmap"]', 0),
    ],
)
def test_an_expectation_that_is_turned_round_is_told_by_the_exit_code(
    cli: Any, make: Any, expect: str, code: int
) -> None:
    assert cli("fuzz", make(expect=expect), "--executions", "20").code == code


def test_a_witness_that_never_came_in_the_whole_budget_makes_it_vacuous(cli: Any, make: Any) -> None:
    again = '"fb", on_error = "unwind" }, { do = "swap_out", buffer = "fb" }]'
    scenario = make(repaired=True, expect='sometimes = ["evictor reaches 2"]', edit=('"fb" }]', again))
    once = {cli("fuzz", scenario, "--executions", "1", "--seed", str(seed)).code for seed in range(12)}
    assert once == {0, 5}
    assert cli("fuzz", scenario, "--executions", "60").code == 0


def test_several_bad_files_do_not_stop_the_good_ones(cli: Any, make: Any, tmp_path: Path) -> None:
    make("a.toml", top="colour = 1")
    make("b.toml", repaired=True)
    (tmp_path / "c.py").write_text("raise RuntimeError('\\x1b[31mred')\n")
    told = cli("fuzz", ".", "nowhere", "c.py:f", "--executions", "10")
    assert told.code == 3
    assert "1 as expected, " in told.out
    assert told.err.count("dmabuf-async: ") == told.err.count("\n")
    assert "\x1b" not in told.err + told.out


def test_the_replay_line_works_as_it_stands_on_every_engine(cli: Any, make: Any) -> None:
    make("a folder/it's a race.toml", expect="")
    told = cli("fuzz", "a folder", "--executions", "40")
    line = next(line for line in told.out.splitlines() if line.startswith("  replay   "))
    words = shlex.split(line.removeprefix("  replay   "))
    assert words[:3] == ["dmabuf-async", "replay", "a folder/it's a race.toml"]
    shown = [cli(*words[1:], "--engine", engine) for engine in ("inline", "asyncio", "trio")]
    assert {replayed.code for replayed in shown} == {1}
    assert len({replayed.out for replayed in shown}) == 1
    assert "x access-without-backing" in shown[0].out


def test_a_campaign_is_the_same_each_time_for_the_same_seed(cli: Any, make: Any) -> None:
    scenario = make(expect="")

    def told(seed: str) -> str:
        return stable(cli("fuzz", scenario, "--executions", "20", "--seed", seed).out)

    assert told("7") == told("7")
    assert told("7") != told("8")


@pytest.mark.parametrize("engine", ["asyncio", "trio"])
def test_every_engine_finds_the_same(cli: Any, make: Any, engine: str) -> None:
    scenario = make(expect="")
    args = ("fuzz", scenario, "--executions", "10", "--json")
    verdicts = [cli(*args, "--engine", one).objects[0] for one in ("inline", engine)]
    for verdict in verdicts:
        del verdict["seconds"]
    assert verdicts[0] == verdicts[1]


def test_time_is_shared_fairly_and_kept(cli: Any, make: Any) -> None:
    names = [make(f"{name}.toml", repaired=True) for name in "abcd"]
    began = time.monotonic()
    told = cli("fuzz", *names, "--time", "1.2", "--json")
    assert 1.0 < time.monotonic() - began < 4.0
    *verdicts, summary = told.objects
    assert all(0.2 < verdict["seconds"] < 0.8 for verdict in verdicts)
    assert summary["executions"] == sum(verdict["executions"] for verdict in verdicts)


def test_executions_are_a_limit_with_a_time_too(cli: Any, make: Any) -> None:
    told = cli("fuzz", make(repaired=True), "--time", "30", "--executions", "12", "--json")
    assert told.objects[0]["executions"] == 12


def test_json_is_one_verdict_a_scenario_and_a_summary(cli: Any, make: Any) -> None:
    Path("empty.toml").touch()
    told = cli("fuzz", make(expect=""), "empty.toml", "--executions", "20", "--json")
    race, empty, summary = told.objects
    assert {line["schema"] for line in told.objects} == {1}
    assert [line["type"] for line in told.objects] == ["verdict", "verdict", "summary"]
    assert (race["exit_code"], race["strength"], race["error"]) == (1, "refuted", "")
    assert empty["exit_code"] == 3
    assert "empty.toml" in empty["error"]
    assert summary["scenarios"] == summary["judged"] == 2
    assert summary["exit_code"] == told.code == 3


def test_junit_has_all_verdicts_and_their_replay_lines(cli: Any, make: Any) -> None:
    Path("empty.toml").touch()
    told = cli("fuzz", make(), make("bad.toml", expect=""), "empty.toml", "--executions", "20", "--junit", "out.xml")
    assert told.code == 3
    suite = ET.parse("out.xml").getroot()  # noqa: S314 - our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    assert "dmabuf-async replay bad.toml dba1:" in Path("out.xml").read_text()
    assert "is empty" in Path("out.xml").read_text()


def test_a_junit_file_that_cannot_be_written_is_told_before_anything_is_explored(cli: Any, make: Any) -> None:
    told = cli("fuzz", make(), "--junit", "no/such/folder/out.xml")
    assert (told.code, told.out) == (2, "")
    assert "no/such/folder/out.xml cannot be written (No such file or directory)" in told.err


def test_a_disk_that_is_full_at_the_end_is_told(cli: Any, make: Any) -> None:
    told = cli("fuzz", make(), "--executions", "3", "--junit", "/dev/full")
    assert told.code == 2
    assert "/dev/full cannot be written (No space left on device)" in told.err


def test_lanes_shows_an_expected_finding_too(cli: Any, make: Any) -> None:
    scenario = make()
    assert "importer (cpu0)" not in cli("fuzz", scenario, "--executions", "20").out
    told = cli("fuzz", scenario, "--executions", "20", "--lanes")
    assert told.code == 0
    assert "importer (cpu0)" in told.out


def test_executions_that_are_cut_are_told_and_the_replay_line_says_where(cli: Any, make: Any) -> None:
    told = cli("fuzz", make(expect=""), "--executions", "20", "--max-steps", "4")
    assert "20 of them cut at the step limit" in told.out
    assert "dmabuf-async replay --max-steps 4 race.toml dba1:" in told.out


def test_a_scenario_that_is_not_deterministic_is_told(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "chance.py").write_text(NONDETERMINISTIC)
    told = cli("fuzz", "chance.py", "--executions", "20")
    assert told.code == 4
    assert "chance.py:chance is not deterministic" in told.err
    assert "1 not deterministic" in told.out


def test_an_internal_error_in_one_scenario_is_told_and_the_others_go_on(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = options.loaded

    def broken(name: str) -> object:
        if name == "broken.toml":
            raise ZeroDivisionError("\x1b[31mdivision\nby zero")
        return load(name)

    monkeypatch.setattr("dmabuf_async.cli.campaign.loaded", broken)
    told = cli("fuzz", make("broken.toml"), make(), "--executions", "5")
    assert told.code == 70
    assert "this is a bug in dmabuf_async" in told.err
    assert "\\x1b[31mdivision by zero" in told.err
    assert "1 as expected, 1 ended by an internal error" in told.out


def test_what_user_code_prints_does_not_reach_stdout(
    process: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "loud.py").write_text(
        "print('imported')\n"
        "async def task(cell):\n    await cell.store(1)\n    print('task')\n"
        "from dmabuf_async.scenario.python import scenario\n@scenario(title='loud')\n"
        "def loud(machine):\n    print('made')\n    machine.task('t', task, machine.cell('c'))\n"
    )
    told = process("fuzz", "loud.py:loud", "--executions", "2", "--json")
    assert told.returncode == 0
    assert [json.loads(line)["type"] for line in told.stdout.splitlines()] == ["verdict", "summary"]
    assert {"imported", "made", "task"} <= set(told.stderr.split())


@pytest.mark.parametrize(
    "args",
    [(), ("x", "--executions", "0"), ("x", "--time", "0"), ("x", "--time", "soon"), ("x", "--max-steps", "0")],
)
def test_what_cannot_be_meant_is_a_usage_error(cli: Any, args: tuple[str, ...]) -> None:
    told = cli("fuzz", *args)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("dmabuf-async: ")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize("name", SAMPLING)
def test_each_strategy_finds_the_race_and_the_verdict_names_it(cli: Any, make: Any, name: str) -> None:
    told = cli("fuzz", make(), "--executions", "60", "--strategy", name, "--seed", "3")
    assert told.code == 0
    assert f"sampled 60 ({name})" in told.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--depth", "2", "--strategy", "pos"), "--depth is of no use to --strategy pos: it belongs to pct"),
        (("--delays", "2"), "--delays is of no use to --strategy portfolio: it belongs to delay"),
    ],
)
def test_an_option_that_the_strategy_would_ignore_is_refused(
    cli: Any, make: Any, arguments: tuple[str, ...], said: str
) -> None:
    told = cli("fuzz", make(), *arguments)
    assert told.code == 2
    assert said in told.err
    assert told.out == ""


def test_the_options_of_a_strategy_reach_it(cli: Any, make: Any) -> None:
    assert cli("fuzz", make(), "--executions", "30", "--strategy", "pct", "--depth", "2").code == 0
    [verdict, _] = cli("fuzz", make(), "--strategy", "delay", "--delays", "0", "--executions", "9", "--json").objects
    assert verdict["executions"] == 9


def test_findings_of_one_code_are_told_apart_by_whose_they_are_and_of_which_step(cli: Any) -> None:
    folder = Path(__file__).parents[2] / "scenarios" / "migrate"
    told = cli("fuzz", str(folder / "flag-ignored.toml"), "--executions", "60", "--no-shrink")
    assert told.code == 0
    first, *others = [line for line in told.out.splitlines() if ", first by number " in line]
    assert first.split()[:2] == ["found", "stale-pte"]
    places = [re.fullmatch(r" +(?:found +)?(\S+ of \w+, step \d \w+): .*", line) for line in (first, *others)]
    assert all(places)
    assert len({place[1] for place in places if place}) == len(places) > 2


def test_on_a_terminal_a_campaign_shows_its_curve_and_it_is_gone_at_the_end(terminal: Any, make: Any) -> None:
    fuzz = terminal("fuzz", make(), "--time", "2", "--strategy", "random", columns=110)
    fuzz.until(b"distinct behaviours")
    fuzz.until("█".encode())
    fuzz.until(b"something new in the next execution")
    fuzz.until(b"first in execution")
    shown = len(fuzz.said)
    assert fuzz.end() == 0
    assert b"distinct behaviours" not in fuzz.said[shown:].split(b"\x1b[2K")[-1]
    assert max(map(len, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", fuzz.said.decode()).splitlines())) <= 110


def test_a_low_terminal_has_a_line_and_no_panel(terminal: Any, make: Any) -> None:
    fuzz = terminal("fuzz", make(), "--time", "3", rows=10)
    fuzz.until(b"executions, ")
    assert fuzz.end() == 0
    assert b"distinct" not in fuzz.said


def test_on_a_terminal_several_at_a_time_show_what_each_does_and_one_curve_of_all(
    terminal: Any, make: Any, tmp_path: Path
) -> None:
    make("a.toml")
    make("b.toml")
    fuzz = terminal("fuzz", str(tmp_path), "--time", "4", "--jobs", "2", "--strategy", "random", columns=140)
    fuzz.until(b"several at a time")
    fuzz.until("■".encode())
    fuzz.until(b"distinct behaviours")
    shown = len(fuzz.said)
    assert fuzz.end() == 0
    assert b"distinct behaviours" not in fuzz.said[shown:].split(b"\x1b[2K")[-1]
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", fuzz.said.decode()).splitlines()
    assert max(map(len, lines)) <= 140
    for name in "ab":
        assert any(f"/{name}  " in line and "behaviours" in line for line in lines)
        assert any(f"/{name}: " in line and " time" in line for line in lines)
    assert not any("something new in the next" in line for line in lines)
