"""The live dashboard: owns the terminal while it lasts, and gives it back whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live

from dmabuf_async.dashboard.layout import screen
from dmabuf_async.machine.snapshot import Snapshot
from dmabuf_async.trace.events import Event, Finding

if TYPE_CHECKING:
    from typing import Self

_EMPTY = Snapshot(step=0, now=0, actors=(), buffers=(), zones=())


class Dashboard:
    """A context manager that shows the latest :meth:`update` on the alternate screen.

    ``fps`` is how many times a second it is drawn, at least 1; a change of the terminal's
    size is followed at the next drawing. If ``console`` is not a terminal, nothing is written
    at all, and ``shows`` is False: use :mod:`dmabuf_async.dashboard.plain` there.
    """

    def __init__(self, console: Console, *, fps: float = 10, title: str = "") -> None:
        self.shows = console.is_terminal and not console.is_dumb_terminal
        self._moment: tuple[Snapshot, Sequence[Event], Sequence[Finding]] = (_EMPTY, (), ())
        self._words: dict[str, Any] = {}
        self._title = title
        self._console = console
        self._fps = max(1.0, fps)
        self._live = self._made()

    def update(self, snapshot: Snapshot, events: Sequence[Event], findings: Sequence[Finding], **words: Any) -> None:
        """Show this moment from the next drawing on. The sequences must not change afterwards.

        ``words`` are the ``status`` and the ``keys`` of :func:`~dmabuf_async.dashboard.layout.screen`.
        """
        self._moment, self._words = (snapshot, events, findings), words

    def refresh(self) -> None:
        """Draw now."""
        if self.shows:
            self._live.refresh()

    @contextmanager
    def away(self) -> Iterator[None]:
        """The normal screen, for as long as this lasts."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self._live = self._made()
            self.__enter__()

    def _made(self) -> Live:
        return Live(self, console=self._console, screen=True, refresh_per_second=self._fps)

    def __enter__(self) -> Self:
        if self.shows:
            try:
                self._live.start(refresh=True)
            except BaseException:  # an interrupt may come between the alternate screen and here
                with suppress(IndexError):  # rich takes back even what it had not come to put there
                    self._live.stop()
                self._restore()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.shows:
            try:
                self._live.stop()
            except BaseException:  # a second interrupt: the terminal comes first
                self._restore()
                raise

    def _restore(self) -> None:
        self._live.console.show_cursor()
        self._live.console.set_alt_screen(False)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or options.max_height
        yield screen(*self._moment, options.max_width, height, title=self._title, **self._words)
