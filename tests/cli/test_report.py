from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, environment
from tests.cli.test_replay import schedule_of


def test_a_page_is_written_and_told_in_one_line(cli: Any, make: Any, tmp_path: Path) -> None:
    scenario = make()
    schedule = schedule_of(cli("run", scenario, "--seed", "5"))
    told = cli("report", scenario, schedule, "-o", "page.html")
    assert (told.code, told.err) == (0, "")
    assert re.fullmatch(r"page\.html: access-without-backing, \d+ steps of race\.toml\n", told.out)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"dmabuf-async replay race.toml {schedule}" in text
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", "race.toml"}


def test_the_exit_code_is_that_of_a_replay(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    schedule = schedule_of(cli("run", scenario, "--seed", "5"))
    assert cli("report", scenario, schedule, "-o", "page.html").code == cli("replay", scenario, schedule).code == 1


def test_without_a_schedule_it_is_about_the_least_execution_that_is_found(cli: Any, make: Any, tmp_path: Path) -> None:
    told = cli("report", make(), "-o", "page.html")
    assert (told.code, told.out.partition(",")[0]) == (0, "page.html: access-without-backing")
    text = (tmp_path / "page.html").read_text()
    assert "this is the least" in text
    assert "of 500 sampled ones" in text


def test_without_a_schedule_and_a_finding_it_is_about_the_calm_execution(cli: Any, make: Any, tmp_path: Path) -> None:
    told = cli("report", make(repaired=True), "-o", "page.html")
    assert (told.code, told.out.partition(",")[0]) == (0, "page.html: nothing found")
    assert "1 execution (calm)" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("output", [(), ("-o", "-")])
def test_in_a_pipe_the_page_is_what_is_printed(cli: Any, make: Any, output: tuple[str, ...]) -> None:
    scenario = make(repaired=True)
    told = cli("report", scenario, *output)
    assert told.err == ""
    assert told.out.startswith("<!DOCTYPE html>\n")
    assert told.out.endswith("</html>\n")


def test_on_a_terminal_a_file_is_asked_for(terminal: Any, make: Any) -> None:
    one = terminal("report", make())
    assert one.end() == 2
    assert b"-o page.html" in one.said


def test_as_json_it_is_told_which_page_was_written(cli: Any, make: Any) -> None:
    told = cli("report", make(repaired=True), "-o", "page.html", "--json")
    assert [one["type"] for one in told.objects] == ["report", "verdict"]
    assert told.objects[0]["file"] == "page.html"
    refused = cli("report", make(repaired=True), "--json")
    assert refused.code == 2
    assert "both want standard output" in refused.err


def test_a_page_takes_the_place_of_a_page_and_of_nothing_else(cli: Any, make: Any, tmp_path: Path) -> None:
    scenario = make(repaired=True)
    assert cli("report", scenario, "-o", "page.html").code == 0
    assert cli("report", scenario, "-o", "page.html").code == 0
    before = (tmp_path / scenario).read_text()
    told = cli("report", scenario, "-o", scenario)
    assert (told.code, told.out) == (2, "")
    assert "is no page" in told.err
    assert (tmp_path / scenario).read_text() == before


@pytest.mark.parametrize("output", ["no/folder/page.html", "."])
def test_a_place_that_cannot_be_written_is_told_in_one_paragraph(cli: Any, make: Any, output: str) -> None:
    told = cli("report", make(), "-o", output)
    assert (told.code, told.out) == (2, "")
    assert told.err.count("\n") == 1
    assert f"-o: {output} cannot be written" in told.err


def test_a_full_disk_is_told_in_one_paragraph(cli: Any, make: Any) -> None:
    told = cli("report", make(repaired=True), "-o", "/dev/full")
    assert (told.code, told.out) == (2, "")
    assert told.err.count("\n") == 1
    assert "No space left" in told.err


def test_a_full_disk_behind_a_pipe_is_told_in_one_paragraph(make: Any, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "report", make(repaired=True)],
            cwd=tmp_path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_reader_that_has_gone_is_told_nothing(make: Any, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, "report", make(repaired=True)],
        cwd=tmp_path, env=environment(), stdout=write, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_what_is_no_schedule_or_of_another_scenario_leaves_no_file(cli: Any, make: Any, tmp_path: Path) -> None:
    schedule = schedule_of(cli("run", make()))
    other = make("other.toml", repaired=True)
    assert cli("report", other, schedule, "-o", "page.html").code == 4
    assert cli("report", "nowhere.toml", "dba1:", "-o", "page.html").code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"race.toml", "other.toml"}


def test_a_title_and_a_file_name_that_are_markup_are_shown_as_text(cli: Any, make: Any, tmp_path: Path) -> None:
    name = "a<script>&'.toml"
    make(name, edit=('title = "The', 'title = "</script><img src=x onerror=alert(1)>The'))
    assert cli("report", name, "-o", "page.html").code == 0
    text = (tmp_path / "page.html").read_text()
    assert "<img" not in text
    assert text.count("<script") == text.count("</script") == 2
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;The exporter" in text


INTERRUPTED = """
import os, signal
from itertools import count

built = count()

def program(machine):
    async def work():
        await machine.counter("c").load()
    if next(built) == 20:
        os.kill(os.getpid(), signal.SIGINT)
    machine.task("work", work)
"""


def test_an_interrupt_of_the_search_ends_it_without_a_page(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(INTERRUPTED)
    told = cli("report", "x.py:program", "-o", "page.html")
    assert (told.code, told.out) == (130, "")
    assert not (tmp_path / "page.html").exists()
