from __future__ import annotations

import re
from typing import Any

import pytest

from dmabuf_async.checkers import catalogue
from dmabuf_async.checkers.catalogue import summary

PAGE = "# moved-while-pinned\n\nA *pinned* `fb` moved, see V7. More.\n\n## The cure\n\nDon't.\n"


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "page", lambda code: PAGE.replace("moved-while-pinned", code))


@pytest.mark.usefixtures("pages")
def test_a_page_is_plain_in_a_pipe(cli: Any) -> None:
    told = cli("explain", "moved-while-pinned")
    assert (told.code, told.out, told.err) == (0, PAGE, "")


@pytest.mark.usefixtures("pages")
def test_a_page_is_set_where_colour_is_wanted(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = cli("explain", "moved-while-pinned")
    assert "\x1b[" in told.out
    assert "# " not in told.out


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize("args", [(), ("--list",), ("pin-leak", "--list")])
def test_all_codes_are_listed_one_a_line(cli: Any, args: tuple[str, ...]) -> None:
    told = cli("explain", *args)
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(catalogue.CODES)
    assert all(line.endswith("  A pinned fb moved, see V7") for line in lines)


def test_an_unknown_code_is_a_usage_error_with_the_nearest_one(cli: Any) -> None:
    told = cli("explain", "pin-leek")
    assert told.code == 2
    assert "there is no code 'pin-leek', did you mean 'pin-leak'? 'dmabuf-async explain' lists them all" in told.err
    assert "there is no code 'xyzzy'; 'dmabuf-async explain' lists them all: see" in cli("explain", "xyzzy").err


@pytest.mark.usefixtures("pages")
def test_as_json_a_page_is_an_object(cli: Any) -> None:
    assert cli("explain", "pin-leak", "--json").objects == [
        {"schema": 1, "type": "page", "code": "pin-leak", "page": PAGE.replace("moved-while-pinned", "pin-leak")}
    ]
    assert len(cli("explain", "--json").objects) == len(catalogue.CODES)


def test_a_page_without_a_paragraph_has_no_summary() -> None:
    assert summary("# only\n\n## heads\n") == ""


# SCENARIO dba1:... -----------------------------------------------------------------


def schedule_of(told: Any) -> str:
    found = re.search(r"^  replay   .* (dba1:\S+)$", told.out, re.MULTILINE)
    assert found is not None
    return found[1]


def test_the_story_of_an_execution_is_told(cli: Any, make: Any) -> None:
    scenario = make()
    schedule = schedule_of(cli("run", scenario))
    told = cli("explain", scenario, schedule)
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("# access-without-backing in race.toml\n\nThe exporter swaps its buffer out while")
    heads = re.findall(r"^## (.*)$", told.out, re.MULTILINE)
    assert heads[:4] == ["What happened", "The order that matters", "The rule", "The usual cure"]
    assert f"dmabuf-async replay race.toml {schedule}\n" in told.out


def test_a_story_is_set_where_colour_is_wanted(cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = make()
    schedule = schedule_of(cli("run", scenario))
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = cli("explain", scenario, schedule)
    assert "\x1b[" in told.out
    assert "## " not in told.out
    assert "x access-without-backing" in told.out


@pytest.mark.parametrize("width", range(62, 94, 4))
def test_the_columns_of_a_story_leave_room_for_the_margins_that_they_are_set_with(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    scenario = make()
    schedule = schedule_of(cli("run", scenario))
    monkeypatch.setenv("COLUMNS", str(width - 2))
    lanes = cli("explain", scenario, schedule).out.partition("```text\n")[2].partition("```")[0]
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = re.sub(r"\x1b\[[0-9;]*m", "", cli("explain", scenario, schedule).out)
    assert {f" {line}".rstrip() for line in lanes.splitlines()} <= {line.rstrip() for line in told.splitlines()}


def test_as_json_a_story_is_an_object(cli: Any, make: Any) -> None:
    scenario = make()
    schedule = schedule_of(cli("run", scenario))
    (told,) = cli("explain", scenario, schedule, "--json").objects
    assert (told["type"], told["scenario"], told["schedule"]) == ("explanation", "race.toml", schedule)
    assert told["code"] == "access-without-backing"
    assert f"{told['text'].rstrip()}\n" == cli("explain", scenario, schedule).out


def test_an_execution_that_shows_nothing_has_no_story(cli: Any, make: Any) -> None:
    scenario = make(repaired=True)
    told = cli("explain", scenario, schedule_of(cli("run", scenario)))
    assert (told.code, told.out) == (1, "")
    assert told.err == (
        "dmabuf-async: race.toml: this execution shows no finding, so that there is nothing to explain\n"
    )


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (
            ("race.toml",),
            2,
            "race.toml is a scenario: name the execution, too, as in 'dmabuf-async explain",
        ),
        (("race.py:one",), 2, "race.py:one is a scenario: name the execution, too"),
        (("race.toml", "dba1:"), 2, "schedule"),
        (("race.toml", "dba1:e55g.v3002g"), 4, "this schedule was recorded for another scenario"),
        (("none.toml", "dba1:e55g.v3002g"), 3, "there is no such file"),
        (("pin-leak", "--max-steps", "7"), 2, "--max-steps is of no use without a schedule"),
    ],
)
def test_what_has_no_story_is_told_in_one_paragraph(
    cli: Any, make: Any, args: tuple[str, ...], code: int, says: str
) -> None:
    make()
    told = cli("explain", *args)
    assert (told.code, told.out) == (code, "")
    assert says in told.err
    assert told.err.count("\n") == 1
