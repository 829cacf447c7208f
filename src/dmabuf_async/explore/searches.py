"""Which searches there are, by the names that ``check`` takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from dmabuf_async.checkers.catalogue import CHECKERS, CODES
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.bounded import Bounded
from dmabuf_async.explore.dpor import Dpor
from dmabuf_async.explore.graph import LIMIT, Graph
from dmabuf_async.explore.pair import Pair

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.explore.search import Search
    from dmabuf_async.scenario.program import Program

KINDS: Final = ("auto", "dpor", "graph", "both")
"""Both in a race, whichever ends first; one of them; or both to their ends, each against the other.

What a program must come to eventually only the graph decides: it has no race then.
"""


def searching(
    program: Program,
    kind: str,
    *,
    preemptions: int | None = None,
    faults: int | None = None,
    max_steps: int = MAX_STEPS,
    max_states: int = LIMIT,
    checkers: Iterable[Checker] = CHECKERS,
) -> Search:
    """The search of that kind, at its beginning; with a bound, the one search that keeps to bounds.

    Raises ValueError if there is no such kind, or if a search is named that keeps to none.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no search {kind!r}: take one of {', '.join(KINDS)}")
    checkers = tuple(checkers)
    if preemptions is not None or faults is not None:
        if kind != "auto":
            raise ValueError(f"the search {kind} keeps to no bounds: name none")
        return Bounded(
            program,
            preemptions=preemptions,
            faults=faults,
            max_steps=max_steps,
            max_places=max_states,
            checkers=checkers,
        )
    if kind == "dpor":
        return _dpor(program, max_steps, checkers)
    graph = _graph(program, max_steps, checkers, max_states)
    if kind == "graph" or (kind == "auto" and program.eventually):
        return graph
    codes = (*program.findings, *CODES)  # what is expected first
    return Pair(graph, _dpor(program, max_steps, checkers), both=kind == "both", codes=codes)


def _dpor(program: Program, max_steps: int, checkers: tuple[Checker, ...]) -> Search:
    return Dpor(program, max_steps=max_steps, checkers=checkers)


def _graph(program: Program, max_steps: int, checkers: tuple[Checker, ...], max_states: int) -> Search:
    return Graph(program, max_steps=max_steps, max_states=max_states, checkers=checkers)
