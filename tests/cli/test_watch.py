from __future__ import annotations

import os
import re
import signal
import termios
import time
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"
ON, OFF, HIDE, SHOW = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25l", b"\x1b[?25h"


def golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def given_back(said: bytes) -> bool:
    """Whether the terminal is as it was: the alternate screen left, the cursor shown."""
    return said.rfind(OFF) > said.rfind(ON) >= 0 and said.rfind(SHOW) > said.rfind(HIDE)


@pytest.mark.parametrize("engine", ["inline", "asyncio", "trio"])
def test_in_a_pipe_it_is_lines(cli: Any, make: Any, engine: str) -> None:
    told = cli("watch", make(), "--engine", engine)
    assert (told.code, told.err) == (0, "")
    assert "\x1b" not in told.out
    golden("watch", told.out)


def test_forced_colour_makes_no_dashboard_of_a_pipe(cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ON.decode() not in cli("watch", make()).out


def test_as_json_it_is_what_run_says(cli: Any, make: Any) -> None:
    scenario = make(expect="")
    lines = {verb: cli(verb, scenario, "--json").objects for verb in ("run", "watch")}
    for verb in lines:
        del lines[verb][-1]["seconds"]
    assert lines["run"] == lines["watch"]


def test_a_pipe_is_paced_if_that_is_asked(cli: Any, make: Any) -> None:
    began = time.monotonic()
    told = cli("watch", make(), "--speed", "40", "--strategy", "calm")
    steps = len(re.findall(r"^ +\d+  ", told.out, re.MULTILINE))
    assert time.monotonic() - began >= steps / 40


def test_a_schedule_is_watched(cli: Any, make: Any) -> None:
    scenario = make()
    schedule = cli("run", scenario, "--seed", "3").out.split("race.toml ")[-1].split()[0]
    steps = cli("watch", scenario, schedule).out
    assert steps.split("\n\n")[0] == cli("watch", scenario, "--seed", "3").out.split("\n\n")[0]


@pytest.mark.parametrize("engine", ["inline", "asyncio", "trio"])
def test_the_dashboard_comes_and_goes_and_the_report_stays(terminal: Any, make: Any, engine: str) -> None:
    screen = terminal("watch", make(), "--engine", engine, "--speed", "60")
    screen.until(b" again")
    screen.press(b"q")
    assert screen.end() == 0
    assert given_back(screen.said)
    shown, _, after = screen.said.rpartition(OFF)
    assert b"actors" in shown
    assert b"findings" in shown
    assert b"access-without-backing" in after
    assert b"dmabuf-async replay race.toml dba1:" in after


@pytest.mark.parametrize("engine", ["inline", "asyncio", "trio"])
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM", "SIGINT"])
def test_an_interrupt_gives_the_terminal_back_and_tells_the_verdict_so_far(
    terminal: Any, make: Any, engine: str, how: str
) -> None:
    screen = terminal("watch", make(), "--engine", engine, "--speed", "3")
    screen.until(b"step 2")
    if how == "Ctrl-C":
        screen.press(b"\x03")
    else:
        screen.kill(signal.SIGTERM if how == "SIGTERM" else signal.SIGINT)
    assert screen.end() == 130
    assert given_back(screen.said)
    assert b"unfinished" in screen.said.rpartition(OFF)[2]
    assert b"Traceback" not in screen.said


def test_a_second_interrupt_is_no_traceback(terminal: Any, make: Any) -> None:
    screen = terminal("watch", make(), "--speed", "3")
    screen.until(b"step 2")
    for _ in range(40):
        try:
            screen.press(b"\x03")
        except OSError:  # it has ended
            break
        time.sleep(0.005)
    assert screen.end() in {130, -signal.SIGINT}  # one that comes when the program is done; a shell says 130 of both
    assert given_back(screen.said)
    assert b"Traceback" not in screen.said
    assert b"Exception ignored" not in screen.said


def test_it_follows_the_size_of_the_terminal(terminal: Any, make: Any) -> None:
    screen = terminal("watch", make(), "--speed", "4", rows=24, columns=80)
    screen.until(b"step 2")
    screen.said = b""
    screen.resize(50, 160)
    screen.until("─".encode() * 100)
    screen.said = b""
    screen.resize(10, 40)
    screen.until(b"actors")
    screen.press(b"\x03")
    assert screen.end() == 130
    assert b"Traceback" not in screen.said


def test_an_exception_gives_the_terminal_back_and_then_what_was_printed_is_told(terminal: Any, tmp_path: Path) -> None:
    (tmp_path / "world.py").write_text(
        "from dmabuf_async.scenario.python import scenario\n"
        "async def task(cell):\n    for n in range(5):\n        print('loud')\n        await cell.store(n)\n"
        "    raise SystemExit(3)\n"
        "@scenario(title='x')\ndef f(machine):\n    machine.task('t', task, machine.cell('c'))\n"
    )
    screen = terminal("watch", "world.py", "--speed", "30")
    assert screen.end() == 3
    assert given_back(screen.said)
    assert screen.said.index(b"loud") > screen.said.index(OFF)


def test_a_schedule_that_does_not_fit_gives_the_terminal_back(terminal: Any, tmp_path: Path) -> None:
    (tmp_path / "world.py").write_text(
        "from pathlib import Path\n"
        "from dmabuf_async.scenario.python import scenario\n"
        "async def task(cell, n):\n    for _ in range(n):\n        await cell.store(1)\n"
        "@scenario(title='x')\ndef f(machine):\n    cell = machine.cell('c')\n"
        "    for name, n in zip('abc', Path('world').read_text().split()):\n"
        "        machine.task(name, task, cell, int(n))\n"
    )
    (tmp_path / "world").write_text("2 2 2")
    from_run = terminal("run", "world.py", "--seed", "1")
    from_run.end()
    schedule = re.findall(rb"dba1:\S+", from_run.said)[-1].decode()
    (tmp_path / "world").write_text("1")
    screen = terminal("watch", "world.py", schedule, "--speed", "30")
    assert screen.end() == 4
    assert given_back(screen.said)


def test_a_dumb_terminal_gets_lines(terminal: Any, make: Any) -> None:
    screen = terminal("watch", make(), TERM="dumb")
    assert screen.end() == 0
    assert b"\x1b" not in screen.said


def stty(screen: Any) -> list[Any]:
    return termios.tcgetattr(screen.master)


@pytest.mark.parametrize("engine", ["inline", "asyncio", "trio"])
def test_keys_pause_go_on_and_back_and_quit(terminal: Any, make: Any, engine: str) -> None:
    screen = terminal("watch", make(), "--engine", engine, "--speed", "3")
    before = stty(screen)
    screen.until(b"step 2")
    screen.press(b" ")
    screen.until(b"paused")
    screen.press(b"n" * 6)
    screen.until(b"step 8")
    screen.said = b""
    screen.press(b"bb")
    screen.until(b"2 back")
    screen.until(b"step 6")
    screen.press(b"q")
    assert screen.end() == 130
    assert given_back(b"".join((ON, HIDE, screen.said)))
    assert b"unfinished" in screen.said.rpartition(OFF)[2]
    assert before[3] & termios.ECHO


def test_a_key_leads_to_the_finding_at_once(terminal: Any, make: Any) -> None:
    screen = terminal("watch", make(), "--speed", "0.125", "--seed", "1")
    screen.until(b" pause")
    screen.said = b""
    screen.press(b"f")
    screen.until(b"1 primary")
    screen.until(b"paused")
    screen.press(b"q")
    assert screen.end() == 130
    assert b"access-without-backing" in screen.said.rpartition(OFF)[2]


def test_quit_at_the_end_is_no_interrupt(terminal: Any, make: Any) -> None:
    screen = terminal("watch", make(), "--speed", "1000")
    screen.until(b" again")
    screen.press(b"bbb")
    screen.until(b"3 back")
    screen.press(b"q")
    assert screen.end() == 0


def test_without_a_keyboard_it_ends_by_itself_and_tells_of_no_keys(terminal: Any, make: Any) -> None:
    make()
    screen = terminal("watch", "race.toml", "--speed", "60", stdin="/dev/null")
    assert screen.end() == 0
    assert given_back(screen.said)
    assert b"space" not in screen.said


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_what_would_end_the_process_at_once_gives_the_terminal_back(terminal: Any, make: Any, number: int) -> None:
    screen = terminal("watch", make(), "--speed", "3")
    screen.until(b"step 2")
    screen.kill(number)
    assert screen.end() == 130
    assert given_back(screen.said)


def test_ctrl_z_gives_the_terminal_to_the_shell_until_it_is_continued(terminal: Any, make: Any) -> None:
    screen = terminal("watch", make(), "--speed", "3")
    screen.until(b"step 2")
    screen.kill(signal.SIGTSTP)
    os.waitpid(screen.pid, os.WUNTRACED)
    screen.until(OFF)
    assert given_back(screen.said)
    assert stty(screen)[3] & termios.ECHO
    screen.kill(signal.SIGCONT)
    screen.said = b""
    screen.until(ON)
    screen.until(b"step")
    assert not stty(screen)[3] & termios.ECHO
    screen.press(b"q")
    assert screen.end() == 130
    assert b"Traceback" not in screen.said
