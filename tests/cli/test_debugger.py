from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dmabuf_async.engine import ENGINES

ROOT = Path(__file__).parents[2]
REPLAY = ("scenarios/pin/pins-ignored.toml", "dba1:e55g.v3002g")


def debugged(said: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dmabuf_async", "replay", *arguments]
    wide = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        command, check=False, input=said, capture_output=True, text=True, cwd=ROOT, timeout=120, env=wide
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_it_stops_in_the_coroutine_that_has_made_the_step_with_all_who_await_it_above(engine: str) -> None:
    told = debugged("up\np stage.__name__\nwhere\nc\n", *REPLAY, "--pdb", "17", "--engine", engine)
    assert told.returncode == 0
    assert "step 17: evictor has made `switch fb[0] to swap#0`, and goes on from here" in told.stderr
    assert "drivers/moving.py(" in told.stderr
    assert "'switch'" in told.stderr
    assert "swapping.py(" in told.stderr
    assert "x moved-while-pinned" in told.stdout


def test_from_there_it_goes_on_step_by_step() -> None:
    told = debugged("n\nn\np self.moved\nc\n", *REPLAY, "--pdb", "17")
    assert "\n(pdb) 1\n" in told.stderr or "(pdb) 0" in told.stderr
    assert told.stderr.count("moving.py(") >= 3


def test_what_is_printed_for_programs_stays_clean() -> None:
    told = debugged("p 1\nc\n", *REPLAY, "--pdb", "17", "--json")
    assert [json.loads(line)["type"] for line in told.stdout.splitlines()][-1] == "verdict"


@pytest.mark.parametrize("said", ["q\n", ""])
def test_to_quit_or_to_end_the_input_is_an_interrupt_with_what_was_seen(said: str) -> None:
    told = debugged(said, *REPLAY, "--pdb", "17")
    assert told.returncode == 130
    assert "interrupted there" in told.stdout
    assert "Traceback" not in told.stderr


def test_a_breakpoint_stops_in_whichever_task_comes_there_and_in_no_execution_but_this_one() -> None:
    said = ("from dmabuf_async.drivers.moving import Move", "b Move.run", "c", "where", "c", "where", "c", "")
    told = debugged("\n".join(said), *REPLAY, "--pdb", "1")
    _, importer, evictor = told.stderr.split("swapping.py(")
    assert ")get()" in told.stderr
    assert (importer.partition(")")[2][:9], evictor.partition(")")[2][:8]) == ("bring_in(", "swap_out")
    assert told.returncode == 0
    assert "  why      it hangs on this order" in told.stdout, "which took many executions more"
    assert told.stderr.count(")run()") == 4, "twice stopped, and twice asked where"


def test_a_step_that_does_not_exist_is_told() -> None:
    told = debugged("", *REPLAY, "--pdb", "170")
    assert told.returncode == 2
    assert "--pdb: there is no step 170: this execution ends after step 26" in told.stderr


def test_a_step_of_the_environment_has_no_code_to_stop_in() -> None:
    told = debugged("", "scenarios/cache/prefetch-during-dma.toml", "dba1:h1fj.vh00cf", "--pdb", "23")
    assert told.returncode == 2
    assert "step 23 is made by the cache, which is no task and has no code to stop in" in told.stderr
