"""What tests of the command line share: scenarios, and three ways to type a command."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.cli.main import main

COMMAND = [sys.executable, "-m", "dmabuf_async"]

RACE = """\
title = "The exporter swaps its buffer out while it is mapped"
{top}
[buffers.fb]
exporter = "swapping"

[[tasks]]
name = "importer"
steps = [
{get}  {{ do = "kmap", buffer = "fb", as = "m" }},
  {{ do = "store", at = "m" }},
  {{ do = "kunmap", at = "m" }},
{put}]

[[tasks]]
name = "evictor"
cpu = 1
steps = [{{ do = "swap_out", buffer = "fb" }}]

[expect]
{expect}
"""
GET = '  { do = "get_backing_storage", buffer = "fb" },\n'
PUT = '  { do = "put_backing_storage", buffer = "fb" },\n'


@dataclass(frozen=True)
class Told:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


Cli = Callable[..., Told]
Make = Callable[..., str]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Types a command in this process, where files are made and nothing is a terminal."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "DMABUF_ASYNC_TRACEBACK"):
        monkeypatch.delenv(name, raising=False)

    def typed(*args: str) -> Told:
        capsys.readouterr()
        code = main(args)
        said = capsys.readouterr()
        return Told(code, said.out, said.err)

    return typed


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes the swap-out race to a file: bad, with what is expected; or ``repaired``; and ``edit``ed."""

    def write(
        name: str = "race.toml",
        *,
        repaired: bool = False,
        expect: str | None = None,
        top: str = "",
        edit: tuple[str, str] = ("\0", ""),
    ) -> str:
        if expect is None:
            expect = "" if repaired else 'findings = ["access-without-backing"]'
        text = RACE.format(get=GET if repaired else "", put=PUT if repaired else "", expect=expect, top=top)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(*edit), encoding="utf-8")
        return name

    return write


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in a process of its own."""

    def run(*args: str, more: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        return subprocess.run(
            [*COMMAND, *args],
            cwd=tmp_path,
            env=environment(**more or {}),
            check=False,
            text=True,
            timeout=60,
            stdout=pipes["stdout"],
            stderr=pipes["stderr"],
        )

    return run


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "FORCE_COLOR", "NO_COLOR"}}
    return kept | {"TERM": "xterm-256color"} | more


class Terminal:
    """A command on a terminal of its own."""

    def __init__(
        self, args: Sequence[str], folder: Path, *, rows: int = 24, columns: int = 80, stdin: str = "", **env: str
    ) -> None:
        self.said = b""
        self.pid, self.master = pty.fork()
        if not self.pid:  # pragma: no cover - another process
            os.chdir(folder)
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP):
                signal.signal(number, signal.SIG_DFL)  # who runs the tests may ignore some, as nohup does
            if stdin:
                os.dup2(os.open(stdin, os.O_RDONLY), 0)
            os.execve(sys.executable, [*COMMAND, *args], environment(**env))  # noqa: S606 - no shell is wanted
        self.resize(rows, columns, signal_it=False)

    def resize(self, rows: int, columns: int, *, signal_it: bool = True) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if signal_it:
            os.kill(self.pid, signal.SIGWINCH)

    def until(self, wanted: bytes, seconds: float = 30.0) -> None:
        """Read until something is said."""
        end = time.monotonic() + seconds
        while wanted not in self.said:
            assert time.monotonic() < end, self.said
            assert self._read(1.0) or wanted in self.said, self.said

    def press(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def kill(self, number: int) -> None:
        os.kill(self.pid, number)

    def end(self) -> int:
        """Read to the end; the exit code."""
        latest = time.monotonic() + 60.0
        while self._read(1.0):
            assert time.monotonic() < latest, self.said
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def close(self) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.master)

    def _read(self, seconds: float) -> bool:
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.said += data
        return bool(data)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Runs the command on a terminal."""
    opened: list[Terminal] = []

    def run(*args: str, **options: Any) -> Terminal:
        opened.append(Terminal(args, tmp_path, **options))
        return opened[-1]

    yield run
    for one in opened:
        one.close()
