from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from subprocess import CompletedProcess
from threading import Thread
from typing import Any

import click
import pytest

from dmabuf_async import _version
from dmabuf_async.cli import front, main
from dmabuf_async.cli.verbs import verbs

Process = Callable[..., CompletedProcess[str]]


def test_help_is_the_front_page_with_and_without_click(cli: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("--help").out == front.PAGE
    assert verbs.get_help(click.Context(verbs)) == front.PAGE.rstrip("\n")
    nothing = cli()
    assert (nothing.code, nothing.out, nothing.err) == (2, "", front.PAGE)


def test_the_front_page_fits_into_a_small_terminal() -> None:
    assert max(map(len, front.PAGE.splitlines())) < 80


@pytest.mark.parametrize("verb", front.VERBS)
def test_each_verb_is_what_the_front_page_says(cli: Any, verb: str) -> None:
    command = import_module(f"dmabuf_async.cli.{verb}").command
    assert command.name == verb
    told = cli(verb, "--help")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(f"Usage: dmabuf-async {verb} ")
    assert max(map(len, told.out.splitlines())) < 80
    assert "..." not in told.out.partition("Commands:")[2]
    assert "\\b" not in told.out


def test_help_loads_nothing_heavy(process: Process) -> None:
    code = "import sys; from dmabuf_async.cli.main import main; main(['--help']); sys.stderr.write(str(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for heavy in ("click", "rich", "anyio", "trio", "asyncio", "msgspec"):
        assert f"'{heavy}'" not in told.stderr


@pytest.mark.parametrize("args", [["--version"], ["--version", "run"]])
def test_the_version_is_told(cli: Any, args: list[str]) -> None:
    told = cli(*args)
    assert (told.code, told.out) == (0, f"dmabuf-async {_version.__version__}\n")


def test_an_unforeseen_exception_is_one_paragraph_and_the_traceback_is_there_for_whoever_asks(
    cli: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("\x1b[31mby\nzero")

    monkeypatch.setattr("dmabuf_async.cli.options.loaded", broken)
    told = cli("run", make(), "--json")
    assert told.code == 70
    assert told.err.startswith("dmabuf-async: internal error: ZeroDivisionError: \\x1b[31mby zero: this is a bug")
    assert told.err.count("\n") == 1
    assert "DMABUF_ASYNC_TRACEBACK=1" in told.err
    assert told.objects[0]["exit_code"] == 70
    monkeypatch.setenv("DMABUF_ASYNC_TRACEBACK", "1")
    assert "Traceback (most recent call last)" in cli("run", make()).err


def test_a_closed_pipe_ends_it_silently(make: Any, tmp_path: Any) -> None:
    make(expect="")
    command = f"{sys.executable} -m dmabuf_async run race.toml --all | head -1; exit ${{PIPESTATUS[0]}}"
    told = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S607
    assert told.stdout.count("\n") == 1
    assert told.stderr == ""
    assert told.returncode in {1, 141}


@pytest.mark.parametrize(
    "args", [["run", "race.toml"], ["fuzz", "race.toml", "--executions", "3"], ["run", "--help"], ["--help"]]
)
def test_a_reader_that_has_gone_is_told_nothing(process: Process, make: Any, args: list[str]) -> None:
    make()
    reader, writer = os.pipe()
    os.close(reader)
    told = process(*args, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (told.returncode, told.stderr) == (141, "")


@pytest.mark.parametrize(
    "args",
    [
        ["run", "race.toml"],
        ["run", "race.toml", "--json"],
        ["fuzz", "race.toml", "--executions", "3"],
        ["watch", "race.toml"],
        ["--help"],
        ["run", "--help"],
        ["--version"],
        ["scenario", "schema"],
        ["run", "nowhere.toml", "--json"],
    ],
)
def test_a_device_that_is_full_is_told_in_one_paragraph(process: Process, make: Any, args: list[str]) -> None:
    make()
    with open("/dev/full", "w") as full:  # noqa: PTH123
        told = process(*args, stdout=full, stderr=subprocess.PIPE)
    assert told.returncode == (3 if "nowhere.toml" in args else 2)
    assert told.stderr.startswith("dmabuf-async: ")
    assert told.stderr.count("\n") == 1
    assert "Exception ignored" not in told.stderr


def test_a_closed_stdout_or_stderr_is_no_traceback(make: Any, tmp_path: Any) -> None:
    make()
    for redirection, code in ((">&-", 2), ("2>&-", 0), (">&- 2>&-", 2)):
        command = f"exec {sys.executable} -m dmabuf_async run race.toml {redirection}"
        told = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S607
        assert told.returncode == code, redirection
        assert "Traceback" not in told.stderr


def test_a_name_that_the_encoding_cannot_hold_is_escaped(process: Process, make: Any) -> None:
    make("ré.toml")
    told = process("run", "ré.toml", more={"PYTHONIOENCODING": "ascii"})
    assert told.returncode == 0
    assert "r\\xe9.toml" in told.stdout


def test_from_another_thread_it_works_without_signals(cli: Any, make: Any) -> None:
    codes: list[int] = []
    scenario = make()
    thread = Thread(target=lambda: codes.append(main.main(["run", scenario])))
    thread.start()
    thread.join()
    assert codes == [0]
