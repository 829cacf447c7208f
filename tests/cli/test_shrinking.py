"""What is shown is the least execution that shows it, unless somebody wants it as it was found."""

from __future__ import annotations

import os
import shlex
import signal
import tomllib
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dmabuf_async.explore import shrinking
from dmabuf_async.trace.schedule import decode

SCENARIOS = Path(__file__).parents[2] / "scenarios"
TWO_FINDINGS = SCENARIOS / "mmap" / "no-reference.toml"


def replay_line(told: Any) -> list[str]:
    line = next(line for line in told.out.splitlines() if line.startswith("  replay   "))
    return shlex.split(line)[2:]


def two_findings() -> str:
    """A scenario that shows two, and expects none."""
    text = TWO_FINDINGS.read_text(encoding="utf-8").partition("[expect]")[0]
    Path("two.toml").write_text(text, encoding="utf-8")
    return "two.toml"


def prose(told: Any) -> str:
    """Without line breaks."""
    return " ".join(told.out.split())


@pytest.mark.parametrize("verb", [("fuzz", "--executions", "50"), ("check",)])
def test_a_failure_is_shrunk_before_it_is_shown(cli: Any, make: Any, verb: tuple[str, ...]) -> None:
    told = cli(*verb, make(expect=""))
    assert told.code == 1
    assert "refuted; this is the least: no preemption, 1 step; " in prose(told)
    again = cli(*replay_line(told))
    assert "this is the least" not in again.out  # it is only replayed


def test_without_shrinking_it_is_shown_as_it_was_found(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    whole = cli("fuzz", scenario, "--executions", "50", "--no-shrink")
    assert "this is the least" not in whole.out
    shrunk = cli("fuzz", scenario, "--executions", "50")
    long, short = (decode(replay_line(told)[-1]).choices for told in (whole, shrunk))
    assert len(short) < len(long)
    [verdict, _] = cli("fuzz", scenario, "--executions", "50", "--no-shrink", "--json").objects
    assert verdict["failures"][0]["least"] is None


def test_as_json_it_says_what_it_costs_and_what_is_proved(cli: Any, make: Any) -> None:
    [verdict, _] = cli("fuzz", make(expect=""), "--executions", "50", "--json").objects
    least = verdict["failures"][0]["least"]
    assert (least["faults"], least["preemptions"], least["steps"]) == (0, 0, 1)
    assert least["minimal"] == ["faults", "preemptions", "switches", "steps"]
    assert (least["proved"], least["bound"]) == (True, "")


def test_of_several_failures_each_is_shrunk(cli: Any) -> None:
    told = cli("fuzz", two_findings(), "--executions", "300")
    assert prose(told).count("this is the least: 1 preemption") == 2


def test_an_expected_finding_that_is_not_shown_is_not_shrunk(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(shrinking, "shrink")  # it would be an internal error
    assert cli("fuzz", make(), "--executions", "50").code == 0


def test_where_the_proof_takes_too_long_it_says_what_is_proved(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = count()
    monkeypatch.setattr(shrinking, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    told = cli("fuzz", two_findings(), "--executions", "300")
    assert "refuted; shrunk to " in prose(told)
    assert "(stopped after 4 s)" in prose(told)


def test_an_interrupt_while_it_is_shrunk_shows_the_best_so_far(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink = shrinking.shrink

    def interrupted(*args: Any, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return shrink(*args, **options)

    monkeypatch.setattr(shrinking, "shrink", interrupted)
    told = cli("fuzz", make(expect=""), make("other.toml"), "--executions", "50")
    assert told.code == 130
    assert "(interrupted)" in prose(told)
    assert "1 not explored" in told.out


def test_replay_shrinks_what_it_is_given(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    long = replay_line(cli("fuzz", scenario, "--executions", "50", "--no-shrink"))
    told = cli(*long, "--shrink")
    assert told.code == 1
    assert "this is the least: no preemption, 1 step; 1 execution (replayed)" in prose(told)
    assert replay_line(told) == replay_line(cli("fuzz", scenario, "--executions", "50"))
    assert cli(*long, "--shrink", "--json").objects[-1]["failures"][0]["least"]["proved"]


def test_an_interrupted_replay_shows_the_best_so_far(cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = make(expect="")
    long = replay_line(cli("fuzz", scenario, "--executions", "50", "--no-shrink"))
    shrink = shrinking.shrink

    def interrupted(*args: Any, **options: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return shrink(*args, **options)

    monkeypatch.setattr("dmabuf_async.cli.shrinking.shrink", interrupted)
    told = cli(*long, "--shrink")
    assert told.code == 130
    assert "shrunk to " in prose(told)
    assert "(interrupted)" in prose(told)


def test_how_far_it_is_shows_on_a_terminal(terminal: Any) -> None:
    scenario = SCENARIOS / "mmap" / "munmap-unlinks-first.toml"
    kept = tomllib.loads((SCENARIOS.parent / "tests" / "explore" / "minima.toml").read_text(encoding="utf-8"))
    schedule = kept["mmap/munmap-unlinks-first.toml"]["stale-tlb"]["schedule"]
    screen = terminal("replay", str(scenario), schedule, "--shrink")
    assert screen.end() == 0
    assert b"shrinking" in screen.said
    assert b"down to 1 preemption, 48 steps; proof:" in screen.said


def test_where_nothing_is_found_there_is_nothing_to_shrink(cli: Any, make: Any) -> None:
    scenario = make(repaired=True)
    schedule = replay_line(cli("run", scenario))[-1]
    told = cli("replay", scenario, schedule, "--shrink")
    assert told.code == 0
    assert told.out == cli("replay", scenario, schedule).out
    assert "shows no finding, so that there is nothing to shrink" in told.err


def test_a_debugger_and_shrinking_exclude_each_other(cli: Any, make: Any) -> None:
    scenario = make(repaired=True)
    told = cli("replay", scenario, replay_line(cli("run", scenario))[-1], "--shrink", "--pdb", "1")
    assert told.code == 2
    assert "shrink it first, without --pdb" in told.err
