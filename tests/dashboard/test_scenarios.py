"""Screens of `watch` as a user sees them who has gone to the finding, over scenarios of different themes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from dmabuf_async.dashboard.demo import played, whole
from dmabuf_async.dashboard.player import Player
from dmabuf_async.scenario import catalogue
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


SIZES = ((80, 24), (160, 50))


@pytest.mark.parametrize("name", SEEDS)
def test_the_screen_of_a_scenario_where_it_breaks(golden: Callable[[str, str], None], name: str) -> None:
    program = catalogue.load(str(FOLDER / f"{name}.toml"))
    player = played(program, RandomWalk(SEEDS[name]))
    assert bool(player.findings()) == bool(program.findings)
    for width, height in SIZES:
        golden(f"{name.replace('/', '-')}-{width}x{height}", shown(player, width, height, program.title))


def test_the_screen_of_many_pages_in_motion(golden: Callable[[str, str], None]) -> None:
    program = catalogue.load(str(FOLDER / "large" / "eight-actors.toml"))
    player = played(program, RandomWalk(0))
    while player.moment is not None and player.moment.snapshot.step > 565:
        player.press("back", 0.0)
    for width, height in SIZES:
        golden(f"large-in-motion-{width}x{height}", shown(player, width, height, program.title))


def shown(player: Player, width: int, height: int, title: str) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, color_system=None, legacy_windows=False)
    console.print(whole(player, width, height, title), end="")
    assert len(file.getvalue().split("\n")) == height
    return file.getvalue()
