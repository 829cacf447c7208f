from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.cli.console import Console, HungUp, OutputLost, lost


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": ""}, False),
        ({"NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_in_a_pipe_only_if_forced(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], coloured: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    told = cli("run", make())
    assert ("\x1b[1;31m" in told.out) is coloured


def test_colour_on_a_terminal_and_not_with_no_color_or_a_dumb_one(terminal: Any, make: Any) -> None:
    scenario = make()
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        screen = terminal("run", scenario, **variables)
        assert screen.end() == 0
        assert (b"\x1b[1;31m" in screen.said) is coloured
        if "TERM" in variables:
            assert b"\x1b" not in screen.said


def test_a_report_is_as_wide_as_the_terminal(terminal: Any, make: Any) -> None:
    scenario = make()
    for columns in (60, 140):
        screen = terminal("run", scenario, "--all", columns=columns, NO_COLOR="1")
        assert screen.end() == 0
        lines = screen.said.decode().replace("\r", "").splitlines()
        assert max(len(line) for line in lines if "dmabuf-async" not in line) <= columns + 10


def test_a_complaint_is_wrapped_on_a_terminal_and_is_one_line_elsewhere(terminal: Any, cli: Any) -> None:
    screen = terminal("run", "nowhere.toml", columns=40)
    assert screen.end() == 3
    assert max(map(len, screen.said.split(b"\r\n"))) < 40
    assert cli("run", "nowhere.toml").err.count("\n") == 1


def test_progress_is_on_stderr_and_gone_in_the_end(terminal: Any, make: Any, tmp_path: Path) -> None:
    screen = terminal("fuzz", make(repaired=True), "--time", "1.5")
    assert screen.end() == 0
    assert b"1/1" in screen.said
    assert b"1 scenario: 1 as expected" in screen.said.splitlines()[-2]


def test_a_pipe_gets_no_progress(process: Any, make: Any) -> None:
    told = process("fuzz", make(repaired=True), "--time", "0.6")
    assert told.returncode == 0
    assert told.stderr == ""


ENDLESS = """
from pathlib import Path
from dmabuf_async.scenario.python import scenario

@scenario
def endless(machine):
    cell = machine.cell("c")
    machine.task("a", work, cell)

async def work(cell):
    Path("begun").touch()
    await cell.add(1)
"""


@pytest.mark.parametrize("engine", ["inline", "asyncio", "trio"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_campaign_tells_the_verdict_so_far_and_writes_junit(
    make: Any, tmp_path: Path, engine: str, number: signal.Signals
) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS, encoding="utf-8")
    names = ["endless.py", make("second.toml", repaired=True), make("third.toml", repaired=True)]
    command = [sys.executable, "-m", "dmabuf_async", "fuzz", *names, "--executions", "20000000", "--engine", engine]
    command += ["--junit", "out.xml"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 30
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "endless.py" in out
    assert "interrupted" in out
    assert "2 not explored" in out
    assert "Traceback" not in err
    assert "dmabuf-async: " not in err
    assert "interrupted" in (tmp_path / "out.xml").read_text()


def test_in_the_background_of_a_shell_sigterm_interrupts_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS, encoding="utf-8")
    fuzz = f"{sys.executable} -m dmabuf_async fuzz endless.py --time 60"
    command = f"{fuzz} & until [ -e begun ]; do sleep 0.1; done; kill $!; wait $!"
    told = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S607
    assert told.returncode == 130
    assert "interrupted" in told.stdout


def test_errors_of_stdout_have_names_of_their_own() -> None:
    assert isinstance(lost(BrokenPipeError()), HungUp)
    assert "No space" in str(lost(OSError(28, "No space left on device")))
    assert isinstance(lost(ValueError("closed file")), OutputLost)


def test_a_complaint_that_nobody_can_read_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    Console().complain("x")
