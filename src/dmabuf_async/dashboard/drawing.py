"""Lines on a terminal, in ASCII where it knows nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

_ASCII: Final = str.maketrans("─…■·▁▂▃▄▅▆▇█", "-~#...::oo##")


class Screen:
    """What is drawn: lines, each as it is."""

    def __init__(self, lines: Sequence[Text]) -> None:
        self.lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for index, text in enumerate(self.lines):
            if index:
                yield Segment.line()
            for words, style, control in text.render(console):
                known = words if not options.ascii_only or words.isascii() else _ascii(words)
                yield Segment(known, style, control)


def _ascii(text: str) -> str:
    """ASCII of the same width: a screen is made of columns."""
    return "".join(c if c.isascii() else "?" * cell_len(c) for c in text.translate(_ASCII))
