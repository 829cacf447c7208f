"""Where a verb writes what is too long for a report: a file, whole or not at all, or standard output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dmabuf_async.campaign.sink import Sink

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console

STDOUT: Final = Path("-")


@contextmanager
def place(context: click.Context, console: Console, output: Path | None) -> Iterator[Callable[[str], None]]:
    """What writes the text to its place; that it can be written there is known before the work.

    None and ``-`` are standard output. A text that goes there ends with a line break.
    """
    if output is None or output == STDOUT:
        yield lambda text: console.line(text.rstrip("\n"))
        return
    try:
        sink = Sink(output)
    except OSError as error:
        raise _unwritten(context, output, error) from error

    def write(text: str) -> None:
        try:
            sink.write(text)
        except OSError as error:
            raise _unwritten(context, output, error) from error

    with sink:
        yield write


def _unwritten(context: click.Context, output: Path, error: OSError) -> click.UsageError:
    return click.UsageError(f"-o: {output} cannot be written ({error.strerror})", context)
