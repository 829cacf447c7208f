"""Findings: the pages that ``dmabuf-async explain`` prints, in one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dmabuf_async.checkers.catalogue import CODES, page, summary
from docs.generated.tables import table


def pages() -> str:
    """A table of all codes, and a section for each."""
    codes = sorted(CODES)
    rows = [(f"[`{code}`](#{code})", summary(page(code))) for code in codes]
    return "\n".join([table(("code", "what happened"), rows), *map(_section, codes)])


def _section(code: str) -> str:
    """One page, a heading lower; what it mentions is linked."""
    return "".join(_lines(code)).rstrip() + "\n"


def _lines(code: str) -> Iterator[str]:
    fenced = False
    for line in page(code).splitlines(keepends=True):
        fenced ^= line.startswith("```")
        if fenced:
            yield line
        elif line.startswith("# "):
            yield f"({code})=\n## {line[2:]}"
        elif line.startswith("## "):
            yield f"**{line[3:].rstrip()}**\n"
        else:
            known = "|".join(map(re.escape, sorted(CODES)))
            yield re.sub(rf"`({known})`", lambda match: f"[`{match[1]}`](#{match[1]})", line)
