from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from dmabuf_async.cli.checkpoint import read
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore import searches
from dmabuf_async.scenario.catalogue import load
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
    """Both searches are plain backtracking, an execution a slice."""

    def make(program: Any, max_steps: int, checkers: Any, *_room: int) -> Backtracking:
        return Backtracking(program, max_steps=max_steps, checkers=checkers, slice_of=1)

    monkeypatch.setattr(searches, "_dpor", make)
    monkeypatch.setattr(searches, "_graph", make)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("search", ["auto", "dpor", "graph", "both"])
def test_a_scenario_in_which_nothing_is_wrong_is_proved(cli: Any, scenario: Any, search: str) -> None:
    scenario("fine.toml", expect='sometimes = ["one reaches set"]')
    told = cli("check", "fine.toml", "--search", search, "--json")
    assert (told.code, told.err) == (0, "")
    [verdict, summary] = told.objects
    assert (verdict["strength"], verdict["proved"], verdict["bound"]) == ("exhaustive", True, "")
    assert verdict["witnesses"]["one reaches set"] > 0
    assert summary["exit_code"] == 0
    told = cli("check", "fine.toml", "--search", search)
    assert "nothing found in any order; exhaustive, " in told.out


@pytest.mark.usefixtures("plain")
def test_what_is_expected_is_shown_and_nothing_else_is_proved_to_be_there(cli: Any, scenario: Any) -> None:
    scenario("race.toml", WRITE, expect='findings = ["data-race"]')
    told = cli("check", "race.toml", "--search", "dpor")
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
    limited = cli("check", "race.toml", "--search", "dpor", "--first")
    assert limited.code == 6
    assert "unfinished (stopped at the first finding)" in limited.out
    assert "left     at least" in limited.out
    cut = cli("check", "race.toml", "--search", "dpor", "--max-steps", "1")
    assert cut.code == 6
    assert "cut short" in cut.out
    assert cli("check", "race.toml", "--search", "dpor", "missing.toml", "--first").code == 1
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
    told = cli("check", "vacuous.toml", "--search", "dpor")
    assert told.code == 5
    assert "never witnessed in any order: importer reaches kmap" in told.out


@pytest.mark.usefixtures("plain")
def test_a_time_limit_says_what_was_covered_and_what_is_left(cli: Any, scenario: Any) -> None:
    scenario("long.toml", rounds=10)
    told = cli("check", "long.toml", "--search", "dpor", "--time", "0.2", "--junit", "out.xml")
    assert told.code == 6
    assert "nothing found so far; unfinished (stopped after 0.2 s), " in told.out
    assert "left     at least" in told.out
    error = ET.parse("out.xml").find(".//error")  # noqa: S314 - our own file
    assert error is not None
    assert error.get("message", "").startswith("stopped after 0.2 s: unfinished; ")
    assert "left: at least" in str(error.text)
    [verdict, _] = cli("check", "long.toml", "--search", "dpor", "--time", "0.2", "--json").objects
    assert (verdict["exit_code"], verdict["proved"]) == (6, False)
    assert verdict["left"]


@pytest.mark.usefixtures("plain")
def test_two_searches_that_disagree_are_an_internal_error_that_names_both(
    cli: Any, scenario: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blind(Backtracking):
        name = "blind"

        def advance(self) -> bool:
            return False

    monkeypatch.setattr(searches, "_graph", lambda program, *_: Blind(program))
    scenario("race.toml", WRITE, expect='findings = ["data-race"]')
    told = cli("check", "race.toml", "--search", "both")
    assert told.code == 70
    assert "blind proved that there is no data-race" in told.err
    assert "backtracking found it" in told.err


@pytest.mark.usefixtures("plain")
def test_an_unfinished_check_goes_on_where_it_was_with_the_command_that_it_told(cli: Any, scenario: Any) -> None:
    scenario("long.toml", rounds=6)
    told = cli("check", "long.toml", "--search", "dpor", "--time", "0.1")
    assert told.code == 6
    [line] = re.findall(r"go on +(.*)", told.out)
    words = shlex.split(line)
    assert words[:4] == ["dmabuf-async", "check", "--search", "dpor"]
    before = int(re.findall(r"([\d,]+) orders", told.out)[0].replace(",", ""))
    again = cli(*words[1:], "--json").objects[0]
    assert (again["strength"], again["executions"]) == ("exhaustive", 924)
    assert before < 924
    assert not list(Path(".dmabuf-async").glob("*.checkpoint"))  # nobody will go on from there


@pytest.mark.usefixtures("plain")
def test_a_checkpoint_of_another_scenario_is_a_usage_error(cli: Any, scenario: Any) -> None:
    scenario("long.toml", rounds=6)
    scenario("other.toml")
    assert cli("check", "long.toml", "--time", "0.1", "--search", "dpor", "--checkpoint", "kept").code == 6
    for words, said in (
        (("other.toml", "--resume", "kept", "--search", "dpor"), "is of another scenario"),
        (("long.toml", "--resume", "kept", "--search", "graph"), "is of --search dpor"),
        (("long.toml", "--resume", "kept", "--search", "dpor", "--max-steps", "9"), "was kept with --max-steps"),
        (("long.toml", "--resume", "none"), "cannot be read"),
        (("long.toml", "--resume", "long.toml"), "is no checkpoint"),
        (("long.toml", "other.toml", "--resume", "kept"), "is for one scenario"),
        ((".", "--checkpoint", "kept"), "is for one scenario"),
    ):
        told = cli("check", *words)
        assert (told.code, told.out) == (2, "")
        assert said in told.err
        assert len(told.err.splitlines()) == 1


@pytest.mark.usefixtures("plain")
def test_a_place_that_takes_no_checkpoint_is_told_and_the_verdict_comes_all_the_same(cli: Any, scenario: Any) -> None:
    scenario("long.toml", rounds=6)
    told = cli("check", "long.toml", "--search", "dpor", "--time", "0.1", "--checkpoint", "no/such/folder")
    assert told.code == 6
    assert "the checkpoint no/such/folder cannot be written (No such file or directory)" in told.err
    assert "go on" not in told.out


@pytest.mark.usefixtures("plain")
def test_what_was_cut_can_be_checked_again_with_more_steps(cli: Any, scenario: Any) -> None:
    scenario("a.toml")
    told = cli("check", "a.toml", "--search", "dpor", "--max-steps", "1")
    assert "go on    dmabuf-async check --search dpor --max-steps 10 a.toml" in told.out
    assert cli("check", "--search", "dpor", "--max-steps", "10", "a.toml").code == 0


@pytest.mark.usefixtures("plain")
def test_several_files_share_the_time_and_end_with_a_summary(cli: Any, scenario: Any) -> None:
    scenario("a.toml")
    scenario("b.toml", rounds=10)
    told = cli("check", "a.toml", "b.toml", "--search", "dpor", "--time", "3")
    assert told.code == 6
    assert "2 scenarios: 1 as expected, 1 unfinished" in told.out
    assert "not" not in told.out.splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        ("--search", "bfs"),
        ("--time", "0"),
        ("--time", "x"),
        ("--preemptions", "-1"),
        ("--faults", "x"),
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


def test_bounds_are_part_of_what_is_proved(cli: Any, scenario: Any) -> None:
    scenario("a.toml", rounds=3)
    told = cli("check", "a.toml", "--preemptions", "1")
    assert told.code == 0
    assert "nothing found; exhaustive up to 1 preemption, " in told.out
    told = cli("check", "a.toml", "--preemptions", "9", "--faults", "0")
    assert told.code == 0
    assert "nothing found in any order; exhaustive, " in told.out


def test_what_was_cut_within_bounds_can_be_checked_again_with_more_steps(cli: Any, scenario: Any) -> None:
    scenario("a.toml")
    told = cli("check", "a.toml", "--preemptions", "1", "--faults", "0", "--max-steps", "1")
    assert told.code == 6
    assert "go on    dmabuf-async check --preemptions 1 --faults 0 --max-steps 10 a.toml" in told.out


@pytest.mark.parametrize("option", ["--search", "--resume", "--checkpoint"])
def test_bounds_go_with_no_other_search_and_no_checkpoint(cli: Any, scenario: Any, option: str) -> None:
    scenario("a.toml")
    told = cli("check", "a.toml", "--preemptions", "1", option, "dpor")
    assert told.code == 2
    assert f"--preemptions and --faults bound a search of their own: leave out {option}" in told.err


# In processes of their own -------------------------------------------------------

LARGE = str(Path(__file__).parents[2] / "benchmarks" / "eight-at-once.toml")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_tells_the_verdict_so_far(terminal: Any, number: signal.Signals) -> None:
    check = terminal("check", LARGE, "--search", "graph", columns=120)
    check.until(b" transitions")
    check.kill(number)
    assert check.end() == 130
    said = check.said.decode().replace("\r\n", "\n")
    assert re.search(r"nothing found so far; unfinished \(interrupted\), \d.* states", said)
    assert re.search(r"left     at least [\d,]+ transitions", said)
    assert "1 scenario: 1 interrupted" in said


def test_progress_shows_what_is_covered_and_left_and_is_gone_at_the_end(terminal: Any) -> None:
    check = terminal("check", LARGE, "--search", "graph", "--time", "2", columns=80)
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


def test_killed_its_last_checkpoint_is_whole(tmp_path: Path) -> None:
    """Killed at any moment, without a chance to say anything."""
    keep = "import sys; from dmabuf_async.cli import checkpoint, main; checkpoint.EVERY = 0; sys.exit(main.main())"
    words = ["check", LARGE, "--search", "dpor", "--checkpoint", "kept"]
    kept = tmp_path / "kept"
    seen = set()
    for wait in (0.0, 0.03, 0.07):
        resume = ["--resume", "kept"] if kept.exists() else []
        process = subprocess.Popen(
            [sys.executable, "-c", keep, *words, *resume],
            cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        before = kept.read_bytes() if kept.exists() else b""
        end = time.monotonic() + 60
        while not kept.exists() or kept.read_bytes() == before:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.01)
        time.sleep(wait)
        process.kill()
        process.communicate()
        program = load(LARGE)
        search = searches.searching(program, "dpor")
        search.resume(read(kept, program, "dpor", MAX_STEPS))
        seen.add(search.progress.executions)
    assert len(seen) == 3


def test_the_graph_has_so_much_room_and_says_when_that_is_not_enough(cli: Any, scenario: Any) -> None:
    scenario("a.toml", rounds=3)
    told = cli("check", "a.toml", "--search", "graph", "--max-states", "12")
    assert told.code == 6
    assert "12 states" in " ".join(told.out.split())
    assert "--search graph --max-states 120 a.toml" in told.out
    assert cli("check", "a.toml", "--search", "graph").code == 0


CHANCE = """\
from random import random

from dmabuf_async.scenario.python import scenario


@scenario
def chance(machine):
    x, y = machine.counter("x"), machine.counter("y")

    async def reader():
        await x.store(1)
        if await x.load() == 2:
            await y.store(random())

    async def writer():
        await x.store(2)

    machine.task("reader", reader)
    machine.task("writer", writer, cpu=1)
"""


@pytest.mark.parametrize(
    "search", [["--search", "auto"], ["--search", "dpor"], ["--search", "graph"], ["--preemptions", "1"]]
)
def test_what_depends_on_chance_after_a_preemption_only_is_not_proved(
    cli: Any, tmp_path: Path, search: list[str]
) -> None:
    (tmp_path / "chance.py").write_text(CHANCE, encoding="utf-8")
    told = cli("check", *search, "chance.py")
    assert told.code == 4
    assert "1 not deterministic" in told.out
    assert re.match(
        r"dmabuf-async: chance.py:chance\b(?=.* is not deterministic: )(?=.*\breader\b).*store y 0\.\d+", told.err
    )
