from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_replay import schedule_of


def test_a_trace_takes_the_place_of_the_report(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    told = cli("run", scenario, "--seed", "5", "--trace", "jsonl")
    assert (told.code, told.err) == (1, "")
    assert told.objects[0]["type"] == "execution"
    assert [one["type"] for one in told.objects].count("event") == told.objects[0]["steps"]
    assert told.objects[-1]["type"] == "verdict"


def test_in_a_file_it_stands_beside_the_report(cli: Any, make: Any, tmp_path: Path) -> None:
    scenario = make()
    plain = cli("run", scenario, "--seed", "5")
    told = cli("run", scenario, "--seed", "5", "--trace", "perfetto", "-o", "trace.json")
    assert told == plain
    assert json.loads((tmp_path / "trace.json").read_text())["otherData"]["schedule"] == schedule_of(plain)
    assert {path.name for path in tmp_path.iterdir()} == {"race.toml", "trace.json"}


@pytest.mark.parametrize("form", ["jsonl", "perfetto"])
def test_a_replay_on_each_engine_writes_the_trace_of_its_run(cli: Any, make: Any, form: str) -> None:
    scenario = make()
    ran = cli("run", scenario, "--seed", "5", "--trace", form)
    schedule = schedule_of(cli("run", scenario, "--seed", "5"))
    for engine in ("inline", "asyncio", "trio"):
        told = cli("replay", scenario, schedule, "--trace", form, "--engine", engine)
        assert told.code == ran.code
        assert told.out.splitlines()[:-1] == ran.out.splitlines()[:-1]


def test_events_findings_and_verdict_are_those_of_json(cli: Any, make: Any) -> None:
    scenario = make()
    traced = cli("run", scenario, "--trace", "jsonl").objects
    kept = [one for one in traced if one["type"] not in {"execution", "order"}]
    plain = cli("run", scenario, "--json").objects
    assert [{**one, "seconds": 0} for one in kept] == [{**one, "seconds": 0} for one in plain]


def test_the_least_execution_is_the_one_that_is_traced(cli: Any, make: Any) -> None:
    scenario = make()
    schedule = schedule_of(cli("run", scenario, "--seed", "5"))
    least = schedule_of(cli("replay", scenario, schedule, "--shrink"))
    told = cli("replay", scenario, schedule, "--shrink", "--trace", "jsonl")
    assert told.objects[0]["schedule"] == least


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "trace.json"), "-o belongs to --trace"),
        (("--trace", "perfetto", "--json"), "both want standard output"),
        (("--trace", "perfetto", "-o", "no/folder/trace.json"), "cannot be written"),
        (("--trace", "jsonl", "-o", "/dev/full"), "No space left"),
    ],
)
def test_what_cannot_be_meant_or_written_is_told_in_one_paragraph(
    cli: Any, make: Any, options: tuple[str, ...], said: str
) -> None:
    told = cli("run", make(), *options)
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert said in told.err


def test_a_test_and_a_trace_are_not_printed_together(cli: Any, make: Any) -> None:
    scenario = make()
    told = cli("replay", scenario, schedule_of(cli("run", scenario)), "--as-test", "--trace", "jsonl")
    assert (told.code, told.out) == (2, "")
    assert "leave out --trace" in told.err


def test_a_replay_that_does_not_fit_leaves_no_file(cli: Any, make: Any, tmp_path: Path) -> None:
    schedule = schedule_of(cli("run", make()))
    other = make("other.toml", repaired=True)
    assert cli("replay", other, schedule, "--trace", "jsonl", "-o", "trace.jsonl").code == 4
    assert not (tmp_path / "trace.jsonl").exists()
