"""``dmabuf-async``: from words to an exit code. Nothing that goes wrong leaves here as a traceback.

Only the standard library is loaded with this module, so that an interrupt finds
its handler early and ``--help`` costs next to nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from dmabuf_async.cli import exits

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console

PROGRAM: Final = "dmabuf-async"
COMPLETE: Final = "_DMABUF_ASYNC_COMPLETE"
"""The variable by which a shell's completion script asks."""
_LONGEST: Final = 1000
"""Characters that a paragraph about the command line has at most."""
TRACEBACK: Final = "DMABUF_ASYNC_TRACEBACK"
"""Set to 1, it shows the traceback of an internal error."""


def main(args: Sequence[str] | None = None) -> int:
    """Do what the arguments say, those of the process by default. Returns the exit code (DESIGN 10)."""
    code = exits.INTERRUPTED
    try:
        try:
            with termination():
                code = _guarded(list(sys.argv[1:] if args is None else args))
        finally:
            if args is None:
                _deafen()
    except KeyboardInterrupt:  # a second one, while the first was told, or a third
        if args is None:
            _deafen()
    return code


def _deafen() -> None:
    """The process ends: a signal that comes now could only hit the interpreter's own work, or change the exit code."""
    while True:
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
        except KeyboardInterrupt:
            continue
        return


def _guarded(args: list[str]) -> int:
    from dmabuf_async.cli.console import Console, HungUp, OutputLost
    from dmabuf_async.errors import DmabufAsyncError

    console = Console()
    try:
        code = _performed(args, console)
        console.flush()
        return code
    except HungUp:
        console.abandon()
        return exits.HANGUP
    except OutputLost as error:
        # Neither a verdict nor a bug of ours: the command named a place that takes nothing, as with --junit.
        console.abandon()
        console.complain(str(error))
        return exits.USAGE
    except DmabufAsyncError as error:
        return _told(console, str(error), exits.of(error))
    except Exception as error:  # noqa: BLE001 - the last resort
        return _told(console, bug(error), exits.INTERNAL)


def _performed(args: list[str], console: Console) -> int:
    if args in ([], ["--help"]) and COMPLETE not in os.environ:
        from dmabuf_async.cli.front import PAGE

        if not args:
            return _helped(console, PAGE)
        console.line(PAGE.rstrip("\n"))
        return exits.AS_EXPECTED
    if args == ["--version"]:
        from dmabuf_async._version import __version__

        console.line(f"{PROGRAM} {__version__}")
        return exits.AS_EXPECTED
    import click

    from dmabuf_async.cli.verbs import verbs

    if COMPLETE in os.environ:
        from click.shell_completion import shell_complete

        return shell_complete(verbs, {}, PROGRAM, COMPLETE, os.environ[COMPLETE])
    try:
        with verbs.make_context(PROGRAM, args, obj=console) as context:
            code = verbs.invoke(context)
            return int(code)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        return _helped(console, f"{error.format_message()}\n")
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else PROGRAM
        return _told(console, f"{_cut(error.format_message()).rstrip('.')}: see '{where} --help'", exits.USAGE)


def _cut(paragraph: str) -> str:
    """Without the middle of what was typed or pasted at length."""
    return (
        paragraph if len(paragraph) <= _LONGEST else f"{paragraph[: _LONGEST // 2]} ... {paragraph[-_LONGEST // 4 :]}"
    )


def _helped(console: Console, page: str) -> int:
    """Something is missing, and nothing else says what could be meant."""
    console.aside(page)
    return exits.USAGE


def _told(console: Console, paragraph: str, code: int) -> int:
    """Say what is wrong on stderr, and to a program that reads JSON lines there as well."""
    from dmabuf_async.cli.console import HungUp, OutputLost

    console.complain(paragraph)
    try:
        if console.as_json:
            from dmabuf_async.report.jsonl import error_line

            console.line(error_line(paragraph, code))
        console.flush()
    except (HungUp, OutputLost):
        console.abandon()
    return code


def bug(error: BaseException) -> str:
    """What is said of an exception that nobody foresaw; its traceback goes to stderr if that is wanted."""
    if os.environ.get(TRACEBACK, "") not in {"", "0"}:
        import traceback

        traceback.print_exception(error)
    said = " ".join(str(error).split())
    return (
        f"internal error: {type(error).__name__}{said and ': ' + said}: this is a bug in dmabuf_async; "
        f"set {TRACEBACK}=1 to see where, and report it with the scenario"
    )


@contextmanager
def termination() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does, on every engine; the former handler is put back."""

    def terminate(_number: int, frame: FrameType | None) -> None:
        interrupt = signal.getsignal(signal.SIGINT)  # trio and asyncio put their own there while they run
        if not callable(interrupt):  # ignored, as in what a shell runs in the background
            raise KeyboardInterrupt
        interrupt(signal.SIGINT, frame)

    try:
        former = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)
