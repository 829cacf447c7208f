"""Sphinx writes what the code says in the place of a line like ``<!-- generated: findings -->``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from docs.generated import command_line, findings, ops, schema

PARTS: Final[dict[str, Callable[[], str]]] = {
    "command line": command_line.verbs,
    "exit codes": command_line.exit_codes,
    "findings": findings.pages,
    "ops": ops.tables,
    "schema": schema.tables,
}
"""What may stand in such a line, and who writes it, in Markdown."""

LINE: Final = re.compile(r"^<!-- generated: (.+) -->$", re.MULTILINE)


def filled(text: str) -> str:
    """A page with its generated parts; KeyError for one that nobody writes."""
    return LINE.sub(lambda line: PARTS[line[1]](), text)


def _read(_app: object, _page: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def setup(app: Any) -> dict[str, bool]:
    """What Sphinx calls."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
