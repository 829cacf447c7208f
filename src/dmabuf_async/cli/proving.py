"""The campaign of ``check``: each scenario is searched to its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dmabuf_async.cli import checkpoint, commands
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
    """A search of the ``kind`` that :data:`~dmabuf_async.explore.searches.KINDS` lists, for each scenario.

    ``kept`` is where the checkpoint of a single one is kept, and ``resume`` what it goes on from.
    """

    SHOWS_ONE = True

    def __init__(
        self,
        console: Console,
        kind: str,
        *,
        first: bool,
        preemptions: int | None = None,
        faults: int | None = None,
        max_states: int,
        kept: Path | None = None,
        resume: bytes = b"",
        **options: Any,
    ) -> None:
        super().__init__(console, **options)
        self._kind = kind
        self._preemptions = preemptions
        self._faults = faults
        self._max_states = max_states
        self._full = False
        self._first = first
        self._kept = kept
        self._resume = resume
        self._keeper: checkpoint.Keeper | None = None

    def explored(self, program: Program, seconds: float, progress: Progress) -> Verdict:
        search = searching(
            program,
            self._kind,
            preemptions=self._preemptions,
            faults=self._faults,
            max_steps=self.max_steps,
            max_states=self._max_states,
        )
        path = self._kept or checkpoint.place(program)
        identity = checkpoint.identity(program, self._kind, self.max_steps)
        self._keeper = keeper = checkpoint.Keeper(self.console, path, program, identity, clear=progress.clear)
        if self._resume:
            search.resume(self._resume)
            keeper.kept = path
        draw = progress.of(program.name, None, seconds)

        def show(search: Search) -> None:
            left = f"left: {search.left}" if search.left else ""
            draw(search.progress, "; ".join(filter(None, (search.extent, left))))
            keeper.look(search)
            self.look()

        accepts = self.accepted.of(program.name)
        verdict = checking(
            program,
            search,
            seconds=seconds,
            first=self._first,
            max_steps=self.max_steps,
            accepts=accepts,
            show=show,
            keep=keeper.keep,
        )
        self._full = getattr(search, "full", False)  # searches that keep states run out of room
        if not verdict.bound:
            keeper.drop()
        return verdict

    def go_on(self, verdict: Verdict) -> str:
        if verdict.bound and verdict.cut:
            return commands.check(
                verdict.scenario,
                self._kind,
                preemptions=self._preemptions,
                faults=self._faults,
                max_steps=(1 if self._full else 10) * self.max_steps,
                max_states=(10 if self._full else 1) * self._max_states,
            )
        if verdict.bound and self._keeper is not None and self._keeper.kept is not None:
            return commands.check(verdict.scenario, self._kind, max_steps=self.max_steps, resume=str(self._keeper.kept))
        return ""
