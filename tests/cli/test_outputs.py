"""``--junit``, ``--sarif`` and ``--github``: what a campaign writes for those who read it elsewhere."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

FUZZ = ("fuzz", "--executions", "40")
VERBS = [FUZZ, ("check",)]


@pytest.fixture(autouse=True)
def _not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)


def results(file: str = "out.sarif") -> Any:
    return json.loads(Path(file).read_text(encoding="utf-8"))["runs"][0]["results"]


@pytest.mark.parametrize("verb", VERBS)
def test_sarif_has_the_step_the_lanes_and_a_line_that_replays(cli: Any, make: Any, verb: tuple[str, ...]) -> None:
    scenario = make("cases/race.toml", expect="")
    told = cli(*verb, scenario, make("cases/right.toml", repaired=True), "--sarif", "out.sarif")
    assert (told.code, told.err) == (1, "")
    (result,) = results()
    physical = result["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == scenario
    line = Path(scenario).read_text(encoding="utf-8").splitlines()[physical["region"]["startLine"] - 1]
    assert line == '  { do = "kmap", buffer = "fb", as = "m" },'
    markdown = result["message"]["markdown"]
    assert re.search(r"^ +1 +kmap\(fb, 0\) -> importer.kmap0 +x access-without-backing$", markdown, re.MULTILINE)
    assert "  why      it is no race" in markdown
    replay = re.search(r"dmabuf-async (replay \S+ dba1:\S+)", result["message"]["text"])
    assert replay is not None
    assert cli(*replay[1].split()).code == 1


def test_several_at_a_time_write_the_same(cli: Any, make: Any) -> None:
    for name in ("a", "b"):
        make(f"cases/{name}.toml", expect="")
    cli(*FUZZ, "cases", "--sarif", "one.sarif")
    cli(*FUZZ, "--jobs", "2", "cases", "--sarif", "two.sarif")
    assert results("one.sarif") == results("two.sarif")
    assert len(results("one.sarif")) == 2


def test_what_is_known_is_suppressed_in_sarif(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    (line,) = re.findall(r"^  accept   (.*)$", cli(*FUZZ, scenario).out, re.MULTILINE)
    Path("known.txt").write_text(line, encoding="utf-8")
    assert cli(*FUZZ, scenario, "--known", "known.txt", "--sarif", "out.sarif", "--github").code == 0
    assert [bool(result["suppressions"]) for result in results()] == [True]


def test_annotations_are_written_to_stderr_where_github_runs_it_or_if_asked_for(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = make("cases/race.toml", expect="")
    line = re.compile(r"^::error file=cases/race.toml,line=9,title=dmabuf-async%3A access-without-backing::.*\n$")
    assert cli(*FUZZ, scenario).err == ""
    asked = cli(*FUZZ, scenario, "--github", "--json")
    assert line.match(asked.err)
    assert len(asked.objects) == 2, "stdout holds results only"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert cli(*FUZZ, scenario).err == asked.err
    assert cli(*FUZZ, scenario, "--no-github").err == ""
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    assert cli(*FUZZ, scenario).err == ""


def test_paths_are_as_seen_from_the_root_of_the_checkout(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scenario = make("cases/race.toml", expect="")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path.parent))
    assert f"file={tmp_path.name}/cases/race.toml,line=9" in cli(*FUZZ, scenario, "--github").err
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path / "elsewhere"))
    assert "file=cases/race.toml,line=9" in cli(*FUZZ, scenario, "--github").err
    monkeypatch.delenv("GITHUB_WORKSPACE")
    assert "file=cases/race.toml,line=9" in cli(*FUZZ, str(tmp_path / scenario), "--github").err


def test_a_scenario_that_is_not_valid_is_annotated_where_it_is_not(cli: Any, make: Any) -> None:
    make("cases/broken.toml", edit=('name = "evictor"', 'nme = "evictor"'))
    line = 1 + Path("cases/broken.toml").read_text(encoding="utf-8").splitlines().index('nme = "evictor"')
    told = cli(*FUZZ, "cases/broken.toml", "--github", "--sarif", "out.sarif")
    assert told.code == 3
    title = "title=dmabuf-async%3A scenario"
    assert f"::error file=cases/broken.toml,line={line},{title}::cases/broken.toml:{line}:1: " in told.err


def test_what_is_expected_and_never_comes_is_annotated_where_it_is_expected(cli: Any, make: Any) -> None:
    make("cases/right.toml", repaired=True, expect='findings = ["deadlock"]')
    line = 1 + Path("cases/right.toml").read_text(encoding="utf-8").splitlines().index("[expect]")
    told = cli(*FUZZ, "cases/right.toml", "--github")
    assert told.err.startswith(f"::error file=cases/right.toml,line={line},title=dmabuf-async%3A missing::")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("option", ["--junit", "--sarif"])
def test_a_place_that_takes_no_file_is_told_before_anything_is_explored(
    cli: Any, make: Any, verb: tuple[str, ...], option: str
) -> None:
    told = cli(*verb, make(), option, "no/folder/out")
    assert (told.code, told.out) == (2, "")
    assert told.err == (
        f"dmabuf-async: {option}: no/folder/out cannot be written (No such file or directory): "
        f"see 'dmabuf-async {verb[0]} --help'\n"
    )


@pytest.mark.parametrize("option", ["--junit", "--sarif"])
def test_a_full_disk_is_told_and_the_old_file_stays(
    cli: Any, make: Any, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("out").write_text("old", encoding="utf-8")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    told = cli(*FUZZ, make(), option, "out")
    assert told.code == 2
    assert f"{option}: out cannot be written (No space left on device)" in told.err
    assert Path("out").read_text(encoding="utf-8") == "old"
