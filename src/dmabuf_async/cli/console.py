"""The one place through which results and complaints leave: stdout for results, stderr for the rest."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import cached_property
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import RenderableType

    from dmabuf_async.report.lines import Line

PIPE_WIDTH: Final = 100
"""Characters in a line where nothing says how many there are."""
_STYLES: Final = {"finding": "bold red", "head": "bold", "dim": "dim", "note": "yellow", "good": "green"}


class OutputLost(Exception):
    """What was written to stdout did not arrive: no space, an error of the device."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the results cannot be written to standard output ({reason}): send them to another place")


class HungUp(Exception):
    """Whoever read stdout has gone, as ``| head -1`` does: there is nobody left to be told anything."""


class _Results:
    """Stdout with errors of its own, so that nobody takes them for those of something else."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        try:
            if self._stream is None:
                raise OutputLost("it is closed")
            return self._stream.write(text)
        except (OSError, ValueError) as error:
            raise lost(error) from error

    def flush(self) -> None:
        try:
            if self._stream is not None:
                self._stream.flush()
        except (OSError, ValueError) as error:
            raise lost(error) from error

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise OSError("closed")
        return self._stream.fileno()


def lost(error: OSError | ValueError) -> OutputLost | HungUp:
    """What an error of a stream means."""
    if isinstance(error, BrokenPipeError):
        return HungUp()
    return OutputLost(getattr(error, "strerror", None) or str(error))


class Console:
    """Stdout and stderr as they are when this is made.

    Colour is used on a terminal and with FORCE_COLOR, and not with NO_COLOR or on a dumb
    terminal. Names that no encoding of the terminal can hold are written as escapes.
    """

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        self._out = _Results(sys.stdout)
        self._err = sys.stderr
        self.as_json = False
        """Whether results are wanted as JSON lines; an error is then one, too."""

    # Results ----------------------------------------------------------------

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is a terminal on which a cursor can be moved."""
        return self._out.isatty() and os.environ.get("TERM", "") not in {"", "dumb", "unknown"}

    @property
    def is_styled(self) -> bool:
        """Whether colours and the like are wanted."""
        return self.is_terminal or bool(os.environ.get("FORCE_COLOR"))

    @property
    def width(self) -> int:
        """Characters in a line of stdout."""
        import shutil

        return shutil.get_terminal_size((PIPE_WIDTH, 24)).columns

    @cached_property
    def rich(self) -> RichConsole:
        """Rich's own, on stdout."""
        from rich.console import Console as RichConsole

        return RichConsole(
            file=self._out,  # type: ignore[arg-type]  # all that rich asks of a file
            highlight=False,
            markup=False,
            emoji=False,
            width=None if self._out.isatty() else self.width,
        )

    def line(self, text: str = "", style: str = "plain") -> None:
        """One line, whatever its length."""
        rich_style = _STYLES.get(style)
        if rich_style is not None and self.is_styled:
            self.rich.print(text, style=rich_style, soft_wrap=True)
        else:
            self._out.write(f"{text}\n")

    def lines(self, lines: Iterable[Line]) -> None:
        """The lines of a report."""
        for line in lines:
            self.line(line.text, line.style)

    def render(self, what: RenderableType) -> None:
        """Something that rich can draw."""
        self.rich.print(what)

    def flush(self) -> None:
        """Let whoever reads see what there is so far."""
        self._out.flush()

    def abandon(self) -> None:
        """Stdout has no reader: let the interpreter not try again when it ends."""
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._out.fileno())
            os.close(null)
        except (OSError, ValueError):  # not a real file
            pass

    # The rest ------------------------------------------------------------------

    def complain(self, paragraph: str) -> None:
        """One paragraph on stderr; nothing of it moves a cursor."""
        from dmabuf_async.report.lanes import printable

        told = f"dmabuf-async: {printable(' '.join(paragraph.split()))}"
        if self._err is not None and self._err.isatty():
            import shutil
            import textwrap

            columns = shutil.get_terminal_size().columns
            told = textwrap.fill(told, columns - 1, break_long_words=False, break_on_hyphens=False)
        self.aside(f"{told}\n")

    def aside(self, text: str) -> None:
        """Write to stderr, as it is."""
        try:
            self._err.write(text)
            self._err.flush()
        except (OSError, ValueError, AttributeError):  # nobody is there to be told
            pass

    @property
    def has_progress(self) -> bool:
        """Whether stderr is a terminal on which progress can be shown."""
        dumb = os.environ.get("TERM", "") in {"", "dumb", "unknown"}
        return self._err is not None and self._err.isatty() and not dumb
