"""Every verb's JSON lines, against the schema that `scenario schema --lines` prints."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dmabuf_async.report.jsonl import generated_line
from dmabuf_async.report.jsonl_schema import json_schema
from tests.cli.test_replay import schedule_of
from tests.json_schema import faults

SCHEMA = json_schema()


def wrong(told: Any) -> list[str]:
    assert told.objects
    return [fault for one in told.objects for fault in faults(one, SCHEMA, SCHEMA)]


@pytest.mark.parametrize(
    ("command", "types"),
    [
        ("run race.toml --json", {"event", "finding", "verdict"}),
        ("run race.toml --trace jsonl", {"execution", "event", "order", "finding", "verdict"}),
        ("watch race.toml --json", {"event", "finding", "verdict"}),
        ("fuzz race.toml good.toml --json", {"verdict", "summary"}),
        ("check race.toml good.toml --json", {"verdict", "summary"}),
        ("check race.toml --preemptions 1 --json", {"verdict", "summary"}),
        ("explain stale-pte --json", {"page"}),
        ("completion bash --json", {"completion"}),
        ("scenario list race.toml --json", {"scenario"}),
        ("scenario show race.toml --json", {"scenario"}),
        ("scenario schema --json", {"schema"}),
        ("scenario reduce race.toml --json", {"reduced"}),
        ("report race.toml -o page.html --json", {"report", "verdict"}),
        ("run nowhere.toml --json", {"error"}),
    ],
)
def test_what_a_verb_prints_fulfils_the_schema(cli: Any, make: Any, command: str, types: set[str]) -> None:
    make()
    make("good.toml", repaired=True)
    told = cli(*command.split())
    assert {one["type"] for one in told.objects} == types
    assert wrong(told) == []


def test_a_replay_and_a_corpus_fulfil_it(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    schedule = schedule_of(cli("run", scenario, "--seed", "5"))
    assert wrong(cli("replay", scenario, schedule, "--shrink", "--json")) == []
    assert wrong(cli("replay", scenario, schedule, "--as-test", "--json")) == []
    assert wrong(cli("explain", scenario, schedule, "--json")) == []
    for _ in range(2):
        assert wrong(cli("fuzz", scenario, "--corpus", "corpus", "--json")) == []


def test_a_generated_scenario_fulfils_it() -> None:
    line = generated_line("a.toml", "b.toml", "title", scenarios=3, first=2, written=True)
    assert faults(json.loads(line), SCHEMA, SCHEMA) == []


def test_the_schema_is_printed(cli: Any) -> None:
    told = cli("scenario", "schema", "--lines")
    assert told.code == 0
    assert json.loads(told.out) == SCHEMA
