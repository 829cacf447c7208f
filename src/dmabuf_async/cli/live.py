"""Who looks at an execution while it runs: a dashboard, or a writer of lines."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, Final

from dmabuf_async.cli.execution import report
from dmabuf_async.cli.interrupts import terminated
from dmabuf_async.dashboard import plain
from dmabuf_async.dashboard.keyboard import Keyboard
from dmabuf_async.dashboard.player import Player
from dmabuf_async.engine.view import View
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.single import Shown, single
from dmabuf_async.report import jsonl

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.dashboard.live import Dashboard
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.base import Strategy
    from dmabuf_async.trace.events import Event

SPEED: Final = 4.0
"""Steps a second that people can follow."""
_KEPT: Final = 200
"""The latest steps, for a dashboard: more than any screen has lines."""


class Viewer:
    """Sees each step of one execution, once."""

    def __init__(self, console: Console, program: Program, speed: float | None) -> None:
        self.console = console
        self.program = program
        self.delay = 0.0 if speed is None else 1.0 / speed
        self.view: View | None = None
        self.watch: Watch | None = None
        self._seen = 0
        self._told = 0

    def see(self, machine: Machine, watch: Watch) -> Callable[[], None]:
        """An execution is about to begin."""
        self.view, self.watch = View(machine, watch), watch
        return lambda: None

    def pace(self) -> Iterator[float]:
        """An actor has gone on; how many seconds to wait.

        If it stands before a settling, it is resumed once more before the next step.
        """
        assert self.view is not None
        if self.view.steady and self.look():
            yield self.delay

    def look(self) -> bool:
        """Take in what is new; whether there is a new step."""
        watch = self.watch
        assert watch is not None
        steps = watch.steps or []
        new = [step.event(number) for number, step in enumerate(steps[self._seen :], self._seen + 1)]
        self._seen = len(steps)
        if new or len(watch.findings) > self._told:
            self.tell(new, self._told)
            self._told = len(watch.findings)
        return bool(new)

    def tell(self, events: list[Event], told: int) -> None:
        """Show new events, and findings from number ``told`` on."""
        raise NotImplementedError

    def rest(self) -> None:
        """The execution is over: take in what is left."""
        self.look()

    @contextmanager
    def showing(self) -> Iterator[None]:
        """The time in which the execution runs."""
        yield

    def end(self, shown: Shown, how: str, max_steps: int) -> None:
        """It is over: say what is left to say."""
        raise NotImplementedError


class OnLines(Viewer):
    """A line a step, as it is made; or a JSON object."""

    def tell(self, events: list[Event], told: int) -> None:
        assert self.watch is not None
        found = self.watch.findings[told:]
        if self.console.as_json:
            for event in events:
                self.console.line(jsonl.event_line(event))
        else:
            for line in plain.lines(events, found):
                self.console.line(line)
        self.console.flush()

    def end(self, shown: Shown, how: str, max_steps: int) -> None:
        execution = shown.execution
        if self.console.as_json:
            for finding in execution.findings:
                self.console.line(jsonl.finding_line(finding, execution.schedule))
            self.console.line(jsonl.verdict_line(shown.verdict))
            return
        self.console.line()
        report(self.console, self.program, shown, how=how, max_steps=max_steps, steps="none")


class OnDashboard(Viewer):
    """The alternate screen of a terminal, and its keys. What user code prints is held back until it is gone."""

    def __init__(self, console: Console, program: Program, speed: float | None) -> None:
        super().__init__(console, program, speed)
        self._player = Player(SPEED if speed is None else speed)
        self._keyboard = Keyboard()
        self._dashboard: Dashboard | None = None

    def pace(self) -> Iterator[float]:
        assert self.view is not None
        if self.view.steady:
            self.look()
            yield from self._waits()

    def _waits(self) -> Iterator[float]:
        """How long to wait until the next step, in portions between which keys are read."""
        while True:
            if self._keyboard.stopped:
                self._stop()
            pressed = self._keyboard.pressed()
            for key in pressed:
                self._player.press(key, time.monotonic())
            if self._player.left:
                raise KeyboardInterrupt
            shown = self._player.moment
            seconds = self._player.wait(time.monotonic())
            if pressed or self._player.moment is not shown:
                self._draw()
            if not seconds:
                return
            yield seconds

    def look(self) -> bool:
        new = super().look()
        if self._player.moment is None:
            self.tell([], self._told)
        return new

    def tell(self, events: list[Event], told: int) -> None:
        assert self.view is not None
        found = self.view.findings()[told:]
        self._player.record(self.view.snapshot(), events, found, time.monotonic())
        self._draw()

    def _draw(self) -> None:
        player, moment = self._player, self._player.moment
        assert self._dashboard is not None
        if moment is not None:
            keys = _keys(player) if self._keyboard.works else ()
            found = player.findings()
            self._dashboard.update(moment.snapshot, player.events(_KEPT), found, status=player.status, keys=keys)

    def _stop(self) -> None:
        """Ctrl-Z: the shell gets its screen, until it says ``fg``."""
        assert self._dashboard is not None
        with self._dashboard.away():
            self._keyboard.stop()

    def rest(self) -> None:
        """Leave the last state on the screen until somebody has seen enough, if keys can say so; else for a moment.

        An interrupt leaves at once.
        """
        if self.view is None or not self.view.over:
            return
        self.look()
        self.tell([], self._told)
        self._player.end()
        self._draw()
        with suppress(KeyboardInterrupt):
            if not self._keyboard.works:
                time.sleep(1 / self._player.speed)
            while self._keyboard.works:
                for seconds in self._waits():
                    time.sleep(seconds)

    @contextmanager
    def showing(self) -> Iterator[None]:
        from dmabuf_async.dashboard.live import Dashboard

        said = io.StringIO()
        title = f"{self.program.title}  ({self.program.name})"
        try:
            with (
                terminated(),
                self._keyboard,
                Dashboard(self.console.rich, title=title) as self._dashboard,
                _held_back(said),
            ):
                yield
        finally:
            self.console.aside(said.getvalue())

    def end(self, shown: Shown, how: str, max_steps: int) -> None:
        report(self.console, self.program, shown, how=how, max_steps=max_steps)


def _keys(player: Player) -> list[tuple[str, str]]:
    pause = "again" if player.is_last else "pause" if player.playing else "go on"
    return [
        ("space", pause), ("n", "step on"), ("b", "step back"), ("f", "finding"), ("q", "quit"), ("+ -", "speed"),
    ]  # fmt: skip


@contextmanager
def _held_back(said: io.StringIO) -> Iterator[None]:
    with redirect_stdout(said), redirect_stderr(said):
        yield


def show(viewer: Viewer, strategy: Strategy, engine: str, max_steps: int, how: str) -> int:
    """Execute before the eyes of the viewer; returns the exit code. Raises ReplayDiverged."""
    with viewer.showing():
        shown = perform(single(viewer.program, strategy, see=viewer.see, max_steps=max_steps), engine, viewer.pace)
        viewer.rest()
    viewer.end(shown, how, max_steps)
    return shown.verdict.exit_code
