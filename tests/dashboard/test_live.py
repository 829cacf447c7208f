from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from dmabuf_async.dashboard.live import Dashboard
from dmabuf_async.machine.snapshot import Snapshot

ON, OFF = b"\x1b[?1049h", b"\x1b[?1049l"
HIDDEN, SHOWN = b"\x1b[?25l", b"\x1b[?25h"

SCRIPT = """
import sys, time
from rich.console import Console
from dmabuf_async.dashboard.live import Dashboard
from dmabuf_async.machine.snapshot import ActorView, Snapshot
snapshot = Snapshot(7, 0, (ActorView("importer", 0, "ready", "lock fb.lock", ""),), (), ())
try:
    with Dashboard(Console(), fps=30, title="a title") as dashboard:
        dashboard.update(snapshot, (), ())
        dashboard.refresh()
        {body}
except KeyboardInterrupt:
    print("interrupted")
except ValueError as error:
    print(error)
print("after")
"""


class Screen:
    """A script with a dashboard, on a terminal of its own."""

    def __init__(self, body: str, **env: str) -> None:
        self.master, slave = pty.openpty()
        self.size(24, 80)
        kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(body=body)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=kept | {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | env,
        )
        os.close(slave)
        self.said = b""

    def size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, wanted: bytes) -> None:
        end = time.monotonic() + 30
        while wanted not in self.said:
            assert time.monotonic() < end, self.said
            self.said += os.read(self.master, 65536)

    def end(self) -> bytes:
        """All that it said, once it has ended."""
        try:
            while chunk := os.read(self.master, 65536):
                self.said += chunk
        except OSError:  # how Linux says that nobody holds the other side any more
            pass
        self.process.wait(30)
        return self.said

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def screen() -> Iterator[Callable[..., Screen]]:
    made: list[Screen] = []

    def start(body: str, **env: str) -> Screen:
        made.append(Screen(body, **env))
        return made[-1]

    yield start
    for one in made:
        one.close()


def given_back(said: bytes) -> bool:
    """Whether the terminal is as it was: normal screen, cursor shown."""
    return said.rfind(OFF) > said.rfind(ON) >= 0 and said.rfind(SHOWN) > said.rfind(HIDDEN) >= 0


def test_it_comes_and_goes(screen: Callable[..., Screen]) -> None:
    said = screen("time.sleep(0.1)").end()
    assert given_back(said)
    assert b"importer" in said[: said.rfind(OFF)]
    assert said[said.rfind(OFF) :].strip().endswith(b"after")


def test_an_exception_gives_the_terminal_back(screen: Callable[..., Screen]) -> None:
    said = screen("raise ValueError('broken')").end()
    assert given_back(said)
    assert b"broken\r\nafter" in said[said.rfind(OFF) :]


def test_an_interrupt_gives_the_terminal_back(screen: Callable[..., Screen]) -> None:
    shown = screen("time.sleep(60)")
    shown.until(b"step 7")
    shown.process.send_signal(signal.SIGINT)
    said = shown.end()
    assert given_back(said)
    assert b"interrupted\r\nafter" in said[said.rfind(OFF) :]
    assert b"Traceback" not in said


def test_the_size_of_the_terminal_is_followed(screen: Callable[..., Screen]) -> None:
    shown = screen("time.sleep(60)")
    shown.until(b"step 7")
    assert "─".encode() * 100 not in shown.said
    shown.size(50, 160)
    shown.until("─".encode() * 100)
    shown.said = b""
    shown.size(10, 40)
    shown.until(b"step 7")
    time.sleep(0.2)
    shown.said = b""
    shown.until(b"step 7")
    assert "─".encode() * 60 not in shown.said


def test_no_color_is_respected_and_bold_stays(screen: Callable[..., Screen]) -> None:
    coloured = screen("time.sleep(0.1)").end()
    plain = screen("time.sleep(0.1)", NO_COLOR="1").end()
    assert b"\x1b[36mimporter" in coloured
    assert b"importer" in plain
    assert b"\x1b[36m" not in plain
    assert b"\x1b[32m" not in plain
    assert b"\x1b[1;7m" in plain


def test_a_dashboard_in_a_pipe_writes_nothing() -> None:
    file = io.StringIO()
    with Dashboard(Console(file=file)) as dashboard:
        assert not dashboard.shows
        dashboard.update(Snapshot(1, 0, (), (), ()), (), ())
        dashboard.refresh()
    assert file.getvalue() == ""


class _Interrupting(io.StringIO):
    """A terminal on which an interrupt arrives at the worst moment: when ``at`` is written, once."""

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at: str | None = at

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.at is not None and self.at in text:
            self.at = None
            raise KeyboardInterrupt
        return written


@pytest.mark.parametrize("at", [OFF, ON, HIDDEN, SHOWN], ids=["off", "on", "hidden", "shown"])
def test_an_interrupt_while_it_comes_or_goes_gives_the_terminal_back(at: bytes) -> None:
    file = _Interrupting(at.decode())
    console = Console(file=file, force_terminal=True, width=80, height=24, _environ={"TERM": "xterm"})
    with pytest.raises(KeyboardInterrupt), Dashboard(console) as dashboard:
        dashboard.refresh()
    assert file.at is None
    assert given_back(file.getvalue().encode()) or HIDDEN.decode() not in file.getvalue()
    assert file.getvalue().rfind(OFF.decode()) > file.getvalue().rfind(ON.decode())
