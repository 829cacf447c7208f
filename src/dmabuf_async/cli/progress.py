"""How far a campaign is, on stderr, if that is a terminal; else nothing, so that logs stay readable."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol

from dmabuf_async.cli.together import Together, Word, found

if TYPE_CHECKING:
    from typing import Self

    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text as RichText

    from dmabuf_async.cli.console import Console
    from dmabuf_async.dashboard.panels.campaign import CampaignView, Curve
    from dmabuf_async.dashboard.panels.jobs import JobView
    from dmabuf_async.explore.progress import Progress as Counts

_BAR: Final = 24
_EVERY: Final = 0.2
"""Seconds between two drawings: more often nobody sees."""
_PANEL: Final = 0.6
"""Seconds after which a scenario gets a panel: what is over sooner would only flicker."""
_ROWS: Final = 16
"""Lines that a panel has, at most."""


class Draw(Protocol):
    """Draws how far a scenario is."""

    def __call__(self, counts: Counts, detail: str = "") -> None:
        """``detail``: what it has covered and what is left, for a line of its own."""
        ...


class Progress:
    """A line or two that are drawn over and over, and gone before a result is printed."""

    def __init__(self, console: Console, scenarios: int) -> None:
        self._console = console
        self.shows = console.has_progress
        """Whether somebody sees it."""
        self._scenarios = scenarios
        self._at = 0
        self._due = 0.0
        self._began = time.monotonic()
        self._live: Live | None = None
        self._tell: Callable[[Word], None] | None = None

    def of(self, name: str, executions: int | None, seconds: float) -> Draw:
        """What is to be called now and then with the counts of the scenario ``name``, the next one."""
        self._at += 1
        began = time.monotonic()
        curve: Curve | None = None
        before: int | None = None  # executions of an earlier process, from which this one goes on

        def show(counts: Counts, detail: str = "") -> None:
            nonlocal before, curve
            before = counts.executions if before is None else before
            now = time.monotonic()
            if not self.shows or now < self._due:
                return
            self._due = now + _EVERY
            spent = now - began
            done = max(spent / seconds, 0.0 if executions is None else counts.executions / executions)
            endless = executions is None and seconds == float("inf")
            rate = (counts.executions - before) / spent if spent else 0.0
            panel = None
            if counts.coverage is not None:
                from dmabuf_async.dashboard.panels.campaign import Curve

                curve = curve or Curve()
                panel = _view(counts, spent, curve)
            told = f"{counts.executions:,} executions, {rate:,.0f}/s"
            part = None if endless else min(1.0, done)
            if self._tell is not None:
                self._tell(
                    Word(name, part, f"{counts.executions:,} at {rate:,.0f}/s", detail, counts.executions, panel)
                )
            else:
                self._draw(name, part, told, detail, panel=panel if spent >= _PANEL else None)

        return show

    def hidden(self) -> Progress:
        """One for a process that has no terminal."""
        progress = Progress(self._console, self._scenarios)
        progress.shows = False
        return progress

    def telling(self, tell: Callable[[object], None]) -> Progress:
        """One for a process that has no terminal, and tells whoever has it."""
        progress = Progress(self._console, self._scenarios)
        progress.shows = self.shows
        progress._tell = lambda word: tell(word.shortened())
        return progress

    def together(self, together: Together, done: int) -> None:
        """Show that so many are done and others are being explored; to be called now and then."""
        now = time.monotonic()
        if self.shows and now >= self._due:
            self._due = now + _EVERY
            self._at = done
            jobs = together.jobs() if now - self._began >= _PANEL else []
            panel = together.campaign()
            part = done / self._scenarios
            self._draw("several at a time", part, together.counts, "", jobs=jobs, panel=panel if jobs else None)

    def shrinking(self, name: str) -> Callable[[str], None]:
        """What is to be called now and then with how far the failures of ``name`` are shrunk."""

        def show(words: str) -> None:
            now = time.monotonic()
            if self.shows and now >= self._due:
                self._due = now + _EVERY
                if self._tell is not None:
                    self._tell(Word(name, None, "shrinking", words, 0))
                else:
                    self._draw(name, None, "shrinking", words)

        return show

    def _draw(
        self,
        name: str,
        done: float | None,
        counts: str,
        detail: str,
        *,
        jobs: Sequence[JobView] = (),
        panel: CampaignView | None = None,
    ) -> None:
        from rich.console import Console as RichConsole
        from rich.console import Group
        from rich.live import Live
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        if self._live is None:
            console = RichConsole(stderr=True, highlight=False)
            # Redirected, what goes to stdout would end on stderr.
            self._live = Live(
                console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        # What a terminal shows of Ctrl-C still finds room in the line, and goes with it.
        width = max(20, self._live.console.width - 4)
        line = Table.grid(padding=(0, 1), expand=False)
        line.width = width
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True)
        bar = ProgressBar(total=1.0, completed=done or 0.0, width=_BAR, pulse=done is None)
        line.add_row(Text(f"{self._at}/{self._scenarios}", "bold"), Text(_tail(name)), bar, Text(counts, "dim"))
        more = Text(detail, "dim", no_wrap=True, overflow="ellipsis")
        more.truncate(width, overflow="ellipsis")
        parts: list[RenderableType] = [line, more] if detail else [line]
        below = _below(jobs, panel, width, self._live.console.size.height - 4)
        if below:
            from dmabuf_async.dashboard.drawing import Screen

            parts.append(Screen(below))
        self._live.update(Group(*parts), refresh=True)

    def clear(self) -> None:
        """Take it off the screen."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.clear()


def _below(jobs: Sequence[JobView], panel: CampaignView | None, width: int, rows: int) -> list[RichText]:
    """What is drawn below the line that tells how far it is."""
    if not jobs and panel is None:
        return []
    from dmabuf_async.dashboard.panels import campaign
    from dmabuf_async.dashboard.panels import jobs as at_work

    lines = at_work.jobs(jobs, width=width, rows=max(0, min(len(jobs), rows // 2)))
    if panel is not None:
        lines += campaign.campaign(panel, width=width, rows=min(_ROWS, rows - len(lines)))
    return lines


def _view(counts: Counts, seconds: float, curve: Curve) -> CampaignView:
    """How far a campaign is, as plain data."""
    from dmabuf_async.dashboard.panels.campaign import CampaignView

    assert counts.coverage is not None
    sample = counts.coverage.sample(found=False)
    classes = 0 if sample is None else sample.classes
    curve.add(seconds, classes)
    return CampaignView(
        seconds=seconds,
        executions=counts.executions,
        looked=0 if sample is None else sample.looked,
        classes=classes,
        curve=curve.points(seconds, classes),
        new=None if sample is None else sample.new,
        new_bound=None if sample is None else sample.new_bound,
        found=tuple(found(counts.failures, counts.counts)),
    )


def _tail(name: str) -> str:
    """The end of a path tells more than its beginning."""
    from dmabuf_async.report.lanes import printable

    name = printable(name)
    return name if len(name) <= 40 else f"...{name[-37:]}"
