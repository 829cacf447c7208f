"""What tests of the dashboard share: moments of real executions, and screens as text."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.dashboard.layout import screen
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.engine.view import View
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import execution, perform
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.snapshot import Snapshot
from dmabuf_async.scenario import build
from dmabuf_async.scenario.load import parse_scenario
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.base import STOP, ChoicePoint, RunInfo
from dmabuf_async.trace.events import Event, Finding

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Moment:
    """What there is to be shown after one step."""

    snapshot: Snapshot
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]


class Turns:
    """Whoever's turn it is goes on; ``(9, "evictor")``: from after step 9 on it is the evictor's."""

    name = "turns"

    def __init__(self, *turns: tuple[int, str]) -> None:
        self.turns = turns
        self.made = 0
        self.stop = False

    def start(self, run: RunInfo) -> bool:
        return True

    def choose(self, point: ChoicePoint) -> int:
        if self.stop:
            return STOP
        if point.is_outcome:
            return 0
        names = [option.actor.name for option in point.options]
        turn = [name for at, name in self.turns if at <= self.made and name in names]
        return names.index(turn[-1]) if turn else 0

    def stepped(self) -> None:
        self.made += 1


def program_of(text: str) -> Program:
    """A program from the text of a scenario file."""
    return build.program(parse_scenario(text, "test.toml", defects=DEFECTS, codes=CODES), "test.toml")


def moment_of(
    program: Program, at: int | None, *turns: tuple[int, str], engine: str = "inline", **options: Any
) -> Moment:
    """The moment after step ``at`` of an execution; None: at its end."""
    strategy = Turns(*turns)
    moments: list[Moment] = []
    views: list[View] = []

    def see(machine: Machine, watch: Watch) -> Callable[[], None]:
        views.append(View(machine, watch))
        return strategy.stepped

    def keep() -> None:
        (view,) = views
        moments.append(Moment(view.snapshot(), view.events(200), view.findings()))

    def pace() -> tuple[()]:
        if strategy.made == at and views[0].steady and not moments:
            keep()
            strategy.stop = True
        return ()

    perform(execution(program, strategy, see=see, **options), engine, pace)
    if at is None:
        keep()
    return moments[0]


def drawn(moment: Moment, width: int, height: int, *, encoding: str = "utf-8", **options: Any) -> str:
    """The screen as plain text."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", newline="")
    console = Console(file=file, width=width, height=height, color_system=None, highlight=False, legacy_windows=False)
    title = options.pop("title", "a title  (test.toml)")
    console.print(screen(moment.snapshot, moment.events, moment.findings, width, height, title=title), end="")
    file.seek(0)
    return file.read()


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares with a file of ``golden/``; GOLDEN=write in the environment makes it anew."""

    def compare(name: str, shown: str) -> None:
        path = GOLDEN / f"{name}.txt"
        text = "".join(f"{line.rstrip()}\n" for line in shown.split("\n"))
        if os.environ.get("GOLDEN") == "write":
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
