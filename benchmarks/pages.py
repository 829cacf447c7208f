"""What a step costs by the size of the buffers: ``python -m benchmarks.pages`` (DESIGN 11).

A process, a kernel importer, a mover and an evictor use a migrating and a swapping buffer, of 8, 64 and 512 pages each.
The first two touch two pages, and a move moves all. A step may cost what it touches, and nothing for what there is.
To put the machine back for the next execution costs what there is, and is told apart. Times are CPU
times, so that others on the machine disturb less.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Final, NamedTuple

from dmabuf_async.checkers.catalogue import CHECKERS, CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.scenario import build
from dmabuf_async.scenario.load import parse_scenario
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk

PAGES: Final = (8, 64, 512)
MAX_STEPS: Final = 100_000

TEXT: Final = """
title = "Buffers of PAGES pages"

[machine]
cpus = 4
ram = DOUBLE
vram = PAGES
swap = PAGES

[buffers.screen]
pages = PAGES
exporter = "migrating"

[buffers.window]
pages = PAGES
exporter = "swapping"

[[tasks]]
name = "process"
cpu = 0
repeat = 8
steps = [
  { do = "mmap", buffer = "screen", as = "m" },
  { do = "store", at = "m", page = 0 },
  { do = "load", at = "m", page = 7 },
  { do = "munmap", at = "m" },
]

[[tasks]]
name = "importer"
cpu = 1
repeat = 8
steps = [
  { do = "get_backing_storage", buffer = "window" },
  { do = "kmap", buffer = "window", page = 0, as = "a" },
  { do = "kmap", buffer = "window", page = 7, as = "b" },
  { do = "memcpy", from = "a", to = "b" },
  { do = "kunmap", at = "b" },
  { do = "kunmap", at = "a" },
  { do = "put_backing_storage", buffer = "window" },
]

[[tasks]]
name = "mover"
cpu = 2
repeat = 2
steps = [
  { do = "migrate", buffer = "screen", to = "vram" },
  { do = "migrate", buffer = "screen", to = "ram" },
]

[[tasks]]
name = "evictor"
cpu = 3
repeat = 2
steps = [{ do = "swap_out", buffer = "window" }]
"""


class Measured(NamedTuple):
    """What one size costs: seconds a step without and with all checkers, and seconds to put the machine back."""

    steps: float
    bare: float
    checked: float
    reset: float


def program(pages: int) -> Program:
    """The program over buffers of so many pages."""
    text = TEXT.replace("DOUBLE", str(2 * pages)).replace("PAGES", str(pages))
    return build.program(parse_scenario(text, "pages", defects=DEFECTS, codes=CODES), "pages")


def measure(pages: int, executions: int) -> Measured:
    """The mean over so many executions, after two that nobody measures."""
    machines = program(pages).machines()
    walk = RandomWalk(0)
    taken = dict.fromkeys((False, True), 0.0)
    steps = dict.fromkeys((False, True), 0)
    reset = 0.0
    for index in range(-2, executions):
        for checked in (False, True):
            began = time.process_time()
            machine = machines()
            ready = time.process_time()
            watch = Watch(machine, CHECKERS) if checked else None
            core = inline.execute(machine, walk, watch=watch, max_steps=MAX_STEPS)
            assert core is not None
            assert core.stopped == "ended"
            if index >= 0:
                taken[checked] += time.process_time() - ready
                reset += ready - began
                steps[checked] += core.steps
    return Measured(
        steps[False] / executions, taken[False] / steps[False], taken[True] / steps[True], reset / (2 * executions)
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit 0 whatever it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--executions", type=int, default=20, help="of each size (default 20)")
    options = parser.parse_args(arguments)
    print("pages    steps   us a step, unwatched   us a step, checked   us to put the machine back")
    first: Measured | None = None
    for pages in PAGES:
        found = measure(pages, options.executions)
        first = first or found
        bare, checked = (
            f"{cost * 1e6:.2f} ({cost / base:.2f} x)"
            for cost, base in ((found.bare, first.bare), (found.checked, first.checked))
        )
        print(f"{pages:5} {found.steps:8,.0f} {bare:>22} {checked:>20} {found.reset * 1e6:28,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
