"""Names of scenarios, under the folders that they lie in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from dmabuf_async.report.lanes import printable

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.scenario.program import Program

_INDENT: Final = 5
_NAME: Final = 34
"""Characters for a name; a longer one has a line of its own."""
_WIDEST: Final = 120


def split(name: str) -> tuple[str, str]:
    """The folder of a scenario with its slash, or nothing; and the rest of its name."""
    folder, slash, rest = printable(name).rpartition("/")
    return folder + slash, rest


def expectation(program: Program) -> str:
    """What a scenario expects, in words; empty: that nothing is found."""
    findings = f"expects {' or '.join(program.findings)}" if program.findings else ""
    witnesses = f"some execution shows: {', '.join(program.sometimes)}" if program.sometimes else ""
    always = f"always: {', '.join(one.text for one in program.always)}" if program.always else ""
    eventually = f"eventually: {', '.join(one.text for one in program.eventually)}" if program.eventually else ""
    return "; ".join(filter(None, (findings, witnesses, always, eventually)))


class Shelf:
    """Prints scenarios as they come: name, title, what is expected."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._folder = ""

    def add(self, program: Program) -> None:
        """One more."""
        folder, name = split(program.name)
        if folder != self._folder:
            self._folder = folder
            self._console.line(folder, "head")
        room = max(30, min(self._console.width, _WIDEST) - _INDENT - _NAME - 2)
        start = f"{'':{_INDENT}}{name:{_NAME}}  "
        if len(name) > _NAME:
            self._console.line(start.rstrip())
            start = ""
        for line in textwrap.wrap(printable(program.title), room, break_on_hyphens=False):
            self._console.line(f"{start:{_INDENT + _NAME + 2}}{line}")
            start = ""
        for line in textwrap.wrap(expectation(program), room, break_on_hyphens=False):
            self._console.line(f"{'':{_INDENT + _NAME + 2}}{line}", "dim")
