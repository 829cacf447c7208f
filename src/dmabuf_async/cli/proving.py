"""The campaign of ``check``: each scenario is searched to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.cli.campaign import Campaign
from dmabuf_async.explore.checking import checking
from dmabuf_async.explore.searches import searching

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.cli.progress import Progress
    from dmabuf_async.explore.search import Search
    from dmabuf_async.explore.verdict import Verdict
    from dmabuf_async.scenario.program import Program


class Proving(Campaign):
    """A search of the ``kind`` that :data:`~dmabuf_async.explore.searches.KINDS` lists, for each."""

    SHOWS_ONE = True

    def __init__(self, console: Console, kind: str, *, first: bool, **options: Any) -> None:
        super().__init__(console, **options)
        self._kind = kind
        self._first = first

    def explored(self, program: Program, seconds: float, progress: Progress) -> Verdict:
        search = searching(program, self._kind, max_steps=self.max_steps)
        draw = progress.of(program.name, None, seconds)

        def show(search: Search) -> None:
            left = f"left: {search.left}" if search.left else ""
            draw(search.progress, "; ".join(filter(None, (search.extent, left))))
            self.look()

        return checking(program, search, seconds=seconds, first=self._first, show=show)
