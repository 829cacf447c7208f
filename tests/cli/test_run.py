from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"
DEADLOCK = """\
title = "Two mutexes, two orders"
mutexes = ["a", "b"]

[[tasks]]
name = "one"
steps = [
  { do = "lock", mutex = "a"},
  { do = "lock", mutex = "b"},
  { do = "unlock", mutex = "b"},
  { do = "unlock", mutex = "a" },
]

[[tasks]]
name = "two"
cpu = 1
steps = [
  { do = "lock", mutex = "b"},
  { do = "lock", mutex = "a"},
  { do = "unlock", mutex = "a"},
  { do = "unlock", mutex = "b" },
]
"""


def golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("run", ["race.toml"]),
        ("run-all", ["race.toml", "--all", "--strategy", "calm"]),
        ("run-repaired", ["repaired.toml"]),
    ],
)
@pytest.mark.parametrize("engine", ["inline", "asyncio", "trio"])
def test_a_run_looks_as_agreed_on_every_engine(cli: Any, make: Any, name: str, args: list[str], engine: str) -> None:
    make()
    make("repaired.toml", repaired=True)
    told = cli("run", *args, "--engine", engine)
    assert (told.code, told.err) == (0, "")
    golden(name, told.out)


def test_an_unexpected_finding_is_a_failure_and_a_missing_one_is_not(cli: Any, make: Any) -> None:
    assert cli("run", make(expect="")).code == 1
    assert cli("run", make(repaired=True, expect='findings = ["pin-leak"]')).code == 0


def test_the_first_unexpected_finding_is_told_before_an_expected_one(cli: Any, make: Any) -> None:
    forgets = make(
        repaired=True,
        expect='findings = ["kmap-leak"]',
        edit=('name = "importer"', 'name = "importer"\ndefects = ["forget-put", "forget-kunmap"]'),
    )
    told = cli("run", forgets, "--strategy", "calm")
    assert told.code == 1
    assert told.out.startswith("x pin-leak")
    assert "  also     kmap-leak" in told.out
    assert "refuted: the scenario does not expect pin-leak, it expects kmap-leak" in told.out


def test_a_schedule_is_followed(cli: Any, make: Any) -> None:
    scenario = make(repaired=True)
    shown = {cli("run", scenario, "--seed", str(seed)).out for seed in range(5)}
    assert len(shown) > 1
    for text in shown:
        schedule = next(line for line in text.splitlines() if "dmabuf-async replay" in line).split()[-1]
        again = cli("run", scenario, "--schedule", schedule).out
        assert again.split("\n  verdict")[0] == text.split("\n  verdict")[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--strategy", "calm", "--seed", "3"), "--seed is of no use to --strategy calm, which throws no dice"),
        (("--strategy", "surw", "--depth", "3"), "--depth is of no use to --strategy surw: it belongs to pct"),
        (("--schedule", "dba1:0", "--seed", "3"), "--seed is of no use beside a schedule, which gives all answers"),
        (("--schedule", "dba1:0", "--strategy", "pct"), "--strategy is of no use beside a schedule"),
        (("--strategy", "portfolio"), "'portfolio' is not one of"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(cli: Any, make: Any, arguments: tuple[str, ...], said: str) -> None:
    told = cli("run", make(), *arguments)
    assert told.code == 2
    assert said in told.err


def test_a_strategy_that_measures_has_measured_before_what_is_shown(cli: Any, make: Any) -> None:
    """Without a delay there is one order, that of the tasks; the execution that measures is a random walk."""
    shown = {
        re.sub(r"seed \d", "", cli("run", make(), "--strategy", "delay", "--delays", "0", "--seed", str(seed)).out)
        for seed in range(6)
    }
    assert len(shown) == 1


def test_json_is_events_findings_and_a_verdict(cli: Any, make: Any) -> None:
    told = cli("run", make(expect=""), "--json", "--strategy", "calm")
    kinds = [line["type"] for line in told.objects]
    assert list(dict.fromkeys(kinds)) == ["event", "finding", "verdict"]
    assert told.objects[-1]["exit_code"] == told.code == 1
    assert [line["step"] for line in told.objects if line["type"] == "event"] == list(
        range(1, kinds.count("event") + 1)
    )


def test_a_deadlock_and_a_cut_are_told_in_words(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "d.toml").write_text(DEADLOCK)
    shown = [cli("run", "d.toml", "--seed", str(seed)) for seed in range(20)]
    assert {told.code for told in shown} == {1}  # where it doesn't close, the order of locks is told
    assert all(("to a deadlock" in told.out) != ("x lock-order" in told.out) for told in shown)
    assert 0 < sum("to a deadlock" in told.out for told in shown) < len(shown)
    assert "2 steps, cut there by --max-steps" in cli("run", "d.toml", "--max-steps", "2", "--strategy", "calm").out


def test_an_error_is_a_json_object_too(cli: Any) -> None:
    told = cli("run", "nowhere.toml", "--json")
    assert told.code == 3
    assert told.err.startswith("dmabuf-async: nowhere.toml: ")
    assert [(line["type"], line["exit_code"]) for line in told.objects] == [("error", 3)]


def test_it_keeps_to_the_width_it_is_given(cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = make()
    for columns in (60, 80, 160):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = cli("run", scenario, "--all").out.splitlines()
        assert max(len(line) for line in lines if "dmabuf-async" not in line) <= columns
