from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from dmabuf_async.explore import searches
from tests.backtracking import Backtracking
from tests.cli.conftest import COMMAND, environment

pytestmark = pytest.mark.unaudited

TASKS = """\
title = "Two tasks and a cell"
{top}
[cells]
c = 0

[[tasks]]
name = "one"
steps = [{one}]

[[tasks]]
name = "two"
cpu = 1
steps = [{two}]

[expect]
{expect}
"""
WRITE = '{ do = "write", cell = "c", value = 1 }'
SET = '{ do = "set", cell = "c", value = 1 }'


@pytest.fixture
def scenario(tmp_path: Path) -> Any:
    """Writes a scenario of two tasks; they race if they ``write``."""

    def write(name: str, step: str = SET, *, expect: str = "", rounds: int = 1, top: str = "") -> str:
        steps = ", ".join([step] * rounds)
        path = tmp_path / name
        path.write_text(TASKS.format(one=steps, two=steps, expect=expect, top=top), encoding="utf-8")
        return name

    return write


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is plain backtracking, an execution a slice."""

    def make(program: Any, max_steps: int, checkers: Any) -> Backtracking:
        return Backtracking(program, max_steps=max_steps, checkers=checkers, slice_of=1)

    monkeypatch.setattr(searches, "_graph", make)


@pytest.mark.usefixtures("plain")
def test_a_scenario_in_which_nothing_is_wrong_is_proved(cli: Any, scenario: Any) -> None:
    scenario("fine.toml", expect='sometimes = ["one reaches set"]')
    told = cli("check", "fine.toml", "--json")
    assert (told.code, told.err) == (0, "")
    [verdict, summary] = told.objects
    assert (verdict["strength"], verdict["proved"], verdict["bound"]) == ("exhaustive", True, "")
    assert verdict["witnesses"]["one reaches set"] > 0
    assert summary["exit_code"] == 0
    told = cli("check", "fine.toml")
    assert "nothing found in any order; exhaustive, " in told.out


@pytest.mark.usefixtures("plain")
def test_what_is_expected_is_shown_and_nothing_else_is_proved_to_be_there(cli: Any, scenario: Any) -> None:
    scenario("race.toml", WRITE, expect='findings = ["data-race"]')
    told = cli("check", "race.toml")
    assert told.code == 0
    assert "data-race, as expected, and nothing else in any order; exhaustive, 2 orders" in told.out
    assert "x data-race" in told.out
    assert "replay   dmabuf-async replay race.toml dba1:" in told.out


@pytest.mark.usefixtures("plain")
def test_exit_codes_say_what_came_of_it(cli: Any, scenario: Any) -> None:
    scenario("unexpected.toml", WRITE)
    scenario("missing.toml", expect='findings = ["data-race"]')
    scenario("race.toml", WRITE, expect='findings = ["data-race"]')
    assert cli("check", "unexpected.toml").code == 1
    assert cli("check", "missing.toml").code == 1
    assert cli("check", "unexpected.toml", "--first").code == 1
    limited = cli("check", "race.toml", "--first")
    assert limited.code == 6
    assert "unfinished (stopped at the first finding)" in limited.out
    assert "left     at least" in limited.out
    cut = cli("check", "race.toml", "--max-steps", "1")
    assert cut.code == 6
    assert "cut short" in cut.out
    assert cli("check", "race.toml", "missing.toml", "--first").code == 1
    Path("broken.toml").write_text("title =", encoding="utf-8")
    assert cli("check", "broken.toml", "race.toml").code == 3


@pytest.mark.usefixtures("plain")
def test_a_witness_that_cannot_come_is_vacuous(cli: Any, make: Any) -> None:
    make(
        "vacuous.toml",
        repaired=True,
        expect='sometimes = ["importer reaches kmap"]',
        edit=('get_backing_storage"', 'get_backing_storage", start = 1'),
    )
    told = cli("check", "vacuous.toml")
    assert told.code == 5
    assert "never witnessed in any order: importer reaches kmap" in told.out


@pytest.mark.usefixtures("plain")
def test_a_time_limit_says_what_was_covered_and_what_is_left(cli: Any, scenario: Any) -> None:
    scenario("long.toml", rounds=10)
    told = cli("check", "long.toml", "--time", "0.2", "--junit", "out.xml")
    assert told.code == 6
    assert "nothing found so far; unfinished (stopped after 0.2 s), " in told.out
    assert "left     at least" in told.out
    error = ET.parse("out.xml").find(".//error")  # noqa: S314 - our own file
    assert error is not None
    assert error.get("message", "").startswith("stopped after 0.2 s: unfinished; ")
    assert "left: at least" in str(error.text)
    [verdict, _] = cli("check", "long.toml", "--time", "0.2", "--json").objects
    assert (verdict["exit_code"], verdict["proved"]) == (6, False)
    assert verdict["left"]


@pytest.mark.usefixtures("plain")
def test_several_files_share_the_time_and_end_with_a_summary(cli: Any, scenario: Any) -> None:
    scenario("a.toml")
    scenario("b.toml", rounds=10)
    told = cli("check", "a.toml", "b.toml", "--time", "0.4")
    assert told.code == 6
    assert "2 scenarios: 1 as expected, 1 unfinished" in told.out
    assert "not" not in told.out.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ("--time", "0"),
        ("--time", "x"),
        ("--max-steps", "0"),
        ("--executions", "3"),
        ("--junit", "no/such/folder/x.xml"),
    ],
)
def test_options_that_make_no_sense_are_usage_errors(cli: Any, scenario: Any, words: tuple[str, ...]) -> None:
    scenario("a.toml")
    told = cli("check", "a.toml", *words)
    assert told.code == 2
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert json.dumps(told.err)


def test_without_a_path_it_says_what_is_missing(cli: Any) -> None:
    assert cli("check").code == 2


# In processes of their own -------------------------------------------------------

LARGE = str(Path(__file__).parents[2] / "scenarios" / "large" / "eight-actors.toml")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_tells_the_verdict_so_far(terminal: Any, number: signal.Signals) -> None:
    check = terminal("check", LARGE, columns=120)
    check.until(b" transitions")
    check.kill(number)
    assert check.end() == 130
    said = check.said.decode().replace("\r\n", "\n")
    assert re.search(r"nothing found so far; unfinished \(interrupted\), \d.* states", said)
    assert re.search(r"left     at least [\d,]+ transitions", said)
    assert "1 scenario: 1 interrupted" in said


def test_progress_shows_what_is_covered_and_left_and_is_gone_at_the_end(terminal: Any) -> None:
    check = terminal("check", LARGE, "--time", "2", columns=80)
    check.until(b"left: at least")
    assert check.end() == 6
    assert max(map(len, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", check.said.decode()).splitlines())) <= 80


def test_who_closes_the_pipe_is_told_nothing(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "check", LARGE, "--time", "1"],
        cwd=tmp_path, env=environment(), check=False, stdout=writer, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
