"""``--trace`` of ``run`` and ``replay``: the execution for programs, in a file or in the place of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.place import STDOUT, place

if TYPE_CHECKING:
    from dmabuf_async.explore.single import Shown
    from dmabuf_async.scenario.program import Program

Command = TypeVar("Command", bound=Callable[..., Any])

JSONL: Final = "jsonl"
PERFETTO: Final = "perfetto"


def trace(command: Command) -> Command:
    """The options that ask for a trace: ``form`` and ``output``."""
    for option in (
        click.option(
            "-o",
            "output",
            type=options.FILE,
            metavar="FILE",
            help="With --trace: write it to this file, and print the report all the same.",
        ),
        click.option(
            "--trace",
            "form",
            type=click.Choice((JSONL, PERFETTO)),
            help="Write the execution as a trace, in the place of the report: JSON lines, or Chrome trace JSON, which"
            " Perfetto opens.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def tracing(
    context: click.Context, form: str | None, output: Path | None
) -> Iterator[Callable[[Program, Shown], bool]]:
    """What writes the trace of an execution, if one is wanted, and says whether the report is still to be printed.

    Raises UsageError for options that don't go together, and for a file that cannot be written.
    """
    console = options.console(context)
    if form is None:
        if output is not None:
            raise click.UsageError("-o belongs to --trace. Leave it out, or say --trace perfetto.", context)
        yield lambda _program, _shown: True
        return
    prints = output is None or output == STDOUT
    if prints and console.as_json and form == PERFETTO:
        raise click.UsageError("--json and --trace perfetto both want standard output: name a file with -o", context)
    with place(context, console, output) as write:

        def written(program: Program, shown: Shown) -> bool:
            write(_text(form, program, shown))
            return not prints

        yield written


def _text(form: str, program: Program, shown: Shown) -> str:
    from dmabuf_async.explore.recording import record

    recording = record(program, shown.execution)
    if form == PERFETTO:
        from dmabuf_async.report.chrome_trace import chrome_trace

        return chrome_trace(recording, program.name)
    from dmabuf_async.report.jsonl import trace_lines

    return "".join(f"{line}\n" for line in trace_lines(program, recording, shown.verdict))
