"""Which searches there are, by the names that ``check`` takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.dpor import Dpor
from dmabuf_async.explore.graph import Graph

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.explore.search import Search
    from dmabuf_async.scenario.program import Program

KINDS: Final = ("graph", "dpor")
"""What :func:`searching` makes."""


def searching(
    program: Program, kind: str, *, max_steps: int = MAX_STEPS, checkers: Iterable[Checker] = CHECKERS
) -> Search:
    """The search of that kind, at its beginning. Raises ValueError if there is no such kind."""
    if kind not in KINDS:
        raise ValueError(f"there is no search {kind!r}: take one of {', '.join(KINDS)}")
    return (_dpor if kind == "dpor" else _graph)(program, max_steps, tuple(checkers))


def _graph(program: Program, max_steps: int, checkers: tuple[Checker, ...]) -> Search:
    return Graph(program, max_steps=max_steps, checkers=checkers)


def _dpor(program: Program, max_steps: int, checkers: tuple[Checker, ...]) -> Search:
    return Dpor(program, max_steps=max_steps, checkers=checkers)
