"""Screens of `watch` as a user sees them who has gone to the finding, over scenarios of different themes."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from rich.console import Console

from dmabuf_async.dashboard.demo import played, whole
from dmabuf_async.dashboard.player import Player
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk

FOLDER = Path(__file__).parents[2] / "scenarios"
SEEDS = {
    "kmap/two-importers": 0,
    "mmap/one-cpu-flushed": 1,
    "device/dma-in-flight": 2,
    "cache/kunmap-without-clean": 0,
    "locks/abba": 0,
    "migrate/torn-copy": 3,
    "atomic/sleep": 0,
    "large/eight-actors": 0,
}
"""Of an execution in which the rule is broken; of the last, in which none is."""


@cache
def gone_through(name: str) -> tuple[Program, Player]:
    """The same for every size of the screen."""
    program = catalogue.load(str(FOLDER / f"{name}.toml"))
    return program, played(program, RandomWalk(SEEDS[name]))


@pytest.mark.parametrize("name", SEEDS)
@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50)])
def test_the_screen_of_a_scenario_where_it_breaks(
    golden: Callable[[str, str], None], name: str, width: int, height: int
) -> None:
    program, player = gone_through(name)
    assert bool(player.findings()) == bool(program.findings)
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, color_system=None, legacy_windows=False)
    console.print(whole(player, width, height, program.title), end="")
    lines = file.getvalue().split("\n")
    assert len(lines) == height
    golden(f"{name.replace('/', '-')}-{width}x{height}", file.getvalue())
