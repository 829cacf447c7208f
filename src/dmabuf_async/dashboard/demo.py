"""Each panel by itself, for whoever changes one, and the pictures of the documents.

``python -m dmabuf_async.dashboard.demo NAME`` draws a panel; ``-o FILE.svg`` writes it as a picture.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.dashboard.drawing import Screen
from dmabuf_async.dashboard.layout import screen
from dmabuf_async.dashboard.panels.actors import actors
from dmabuf_async.dashboard.panels.buffers import buffers
from dmabuf_async.dashboard.panels.campaign import CampaignView, FoundView, campaign
from dmabuf_async.dashboard.panels.devices import devices
from dmabuf_async.dashboard.panels.findings import findings
from dmabuf_async.dashboard.panels.locks import shared
from dmabuf_async.dashboard.panels.memory import memory
from dmabuf_async.dashboard.panels.steps import steps
from dmabuf_async.dashboard.panels.translations import translations
from dmabuf_async.dashboard.player import Player
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.engine.view import View
from dmabuf_async.explore.execution import execution, perform
from dmabuf_async.scenario import build
from dmabuf_async.scenario.load import parse_scenario
from dmabuf_async.strategies.random_walk import RandomWalk

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.base import Strategy

SCENARIO: Final = """
title = "The exporter moves a buffer that user space and a device have mapped"
[machine]
ram = 6
vram = 4
[buffers.fb]
pages = 2
exporter = "migrating"
defects = ["zap-after-move", "revoke-does-not-wait"]
[buffers.cursor]
exporter = "swapping"
[devices.gpu]
revoke = "later"
[[tasks]]
name = "display"
steps = [
  { do = "mmap", buffer = "fb", as = "m" },
  { do = "load", at = "m" },
  { do = "load", at = "m", page = 1 },
  { do = "load", at = "m", word = 1 },
]
[[tasks]]
name = "blitter"
cpu = 1
steps = [
  { do = "get_backing_storage", buffer = "cursor" },
  { do = "kmap", buffer = "cursor", as = "k" },
  { do = "store", at = "k" },
  { do = "kunmap", at = "k" },
  { do = "put_backing_storage", buffer = "cursor" },
]
[[tasks]]
name = "driver"
steps = [
  { do = "attach", buffer = "fb", device = "gpu", as = "a" },
  { do = "map_dma_buf", at = "a", direction = "to_device" },
  { do = "dma_read", at = "a", as = "t" },
  { do = "dma_wait", for = "t" },
  { do = "unmap_dma_buf", at = "a" },
  { do = "detach", at = "a" },
]
[[tasks]]
name = "mover"
cpu = 1
steps = [{ do = "migrate", buffer = "fb", to = "vram" }]
[expect]
findings = ["stale-pte", "stale-tlb", "stale-iotlb"]
"""
KEYS: Final = (
    ("space", "go on"),
    ("n", "step on"),
    ("b", "step back"),
    ("f", "finding"),
    ("q", "quit"),
    ("+ -", "speed"),
)


def played(program: Program, strategy: Strategy) -> Player:
    """An execution of the program, stopped where a rule is first broken, or at its end."""
    player = Player(4.0)
    views: list[tuple[View, Watch]] = []
    told = [0, 0]

    def see(machine: Machine, watch: Watch) -> Callable[[], None]:
        views.append((View(machine, watch), watch))
        return lambda: None

    def look() -> tuple[()]:
        ((view, watch),) = views
        if view.steady or view.over:
            findings = view.findings()
            player.record(view.snapshot(), view.events(watch.step - told[0]), findings[told[1] :], 0.0)
            told[:] = watch.step, len(findings)
        return ()

    perform(execution(program, strategy, see=see), "inline", look)
    look()
    player.end()
    player.press("back", 0.0)
    player.press("on", 0.0)
    if player.findings():
        player.press("finding", 0.0)
    return player


@cache
def _moment() -> Player:
    program = build.program(parse_scenario(SCENARIO, "demo.toml", defects=DEFECTS, codes=CODES), "demo.toml")
    return played(program, RandomWalk(SEED))


SEED: Final = 349
"""Of an execution in which much is to be seen when it breaks."""
CAMPAIGN: Final = CampaignView(
    seconds=12.4,
    executions=32_640,
    looked=772,
    classes=311,
    curve=tuple((second / 10, round(311 * (1 - (1 - second / 124) ** 2.2))) for second in range(125)),
    new=0.031,
    new_bound=0.094,
    found=(
        FoundView("stale-pte", "P1", "mover", 812, 3, expected=True),
        FoundView("lost-write", "P5", "display", 41, 96, expected=False),
    ),
)


def whole(player: Player, width: int, height: int, title: str) -> Screen:
    """The screen of `watch`, as it is when somebody has paused there."""
    moment = player.moment
    assert moment is not None
    found = player.findings()
    return screen(moment.snapshot, player.events(200), found, width, height, title=title, status="paused", keys=KEYS)


def _panel(name: str, width: int, height: int) -> Screen:
    """One of :data:`DEMOS`."""
    if name == "campaign":
        return Screen(campaign(CAMPAIGN, width=width, rows=height))
    player = _moment()
    assert player.moment is not None
    seen, events, found = player.moment.snapshot, player.events(200), player.findings()
    if name == "watch":
        return whole(player, width, height, "The exporter moves a buffer that user space and a device have mapped")
    made = {
        "actors": lambda: actors(seen, width=width, rows=height, current=events[-1].actor),
        "buffers": lambda: buffers(seen, width=width, rows=height),
        "translations": lambda: translations(seen, width=width, rows=height),
        "devices": lambda: devices(seen, width=width, rows=height),
        "memory": lambda: memory(seen, width=width, rows=height),
        "locks": lambda: shared(seen, width=width, rows=height),
        "steps": lambda: steps(seen, events, found, width=width, rows=height),
        "findings": lambda: findings(found, width=width, rows=height),
    }
    return Screen(made[name]())


DEMOS: Final = (
    "actors", "buffers", "translations", "devices", "memory", "locks", "steps", "findings", "campaign", "watch",
)  # fmt: skip
PICTURES: Final = {"watch": (120, 40), "campaign": (80, 16)}
"""Those that the documents show, with their sizes."""


def picture(name: str, width: int, height: int) -> str:
    """A demo as SVG, the same each time."""
    console = Console(
        file=io.StringIO(), record=True, width=width, height=height, force_terminal=True, color_system="truecolor",
        highlight=False, legacy_windows=False, _environ={},
    )  # fmt: skip
    console.print(_panel(name, width, height))
    drawn = console.export_svg(title=f"dmabuf-async {'fuzz' if name == 'campaign' else 'watch'}", unique_id=name)
    return re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # nothing is fetched from anywhere


def main(arguments: list[str] | None = None) -> int:
    """Draw a panel on the terminal, or into a file."""
    parser = argparse.ArgumentParser(prog="python -m dmabuf_async.dashboard.demo", description="Draw one panel.")
    parser.add_argument("name", choices=DEMOS)
    parser.add_argument("-o", dest="output", type=Path, metavar="FILE.svg", help="write a picture")
    parser.add_argument("--width", type=int, default=0, metavar="CELLS")
    parser.add_argument("--height", type=int, default=0, metavar="LINES")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    usual = PICTURES.get(options.name, (80, 24)) if options.output else console.size
    width, height = options.width or usual[0], options.height or usual[1]
    if options.output:
        options.output.write_text(picture(options.name, width, height), encoding="utf-8")
    else:
        console.width = width
        console.print(_panel(options.name, width, height))
    return 0


if __name__ == "__main__":
    sys.exit(main())
