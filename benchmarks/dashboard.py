"""What the live panel of a campaign costs, of one scenario and of two side by side: ``python -m benchmarks.dashboard``.

The same campaign, by turns with the panel on a terminal of its own, which another process reads, and without it: the
same executions by the same seed, so that the ratio of the times is that of the rates. A campaign with the panel shall
run at 95 % or more of its rate without it.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from typing import Final, TextIO
from unittest import mock

from dmabuf_async.cli.console import Console
from dmabuf_async.cli.progress import Progress
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.catalogue import strategy

CASES: Final = {"scenarios/kmap/three-importers.toml": 10_000, "benchmarks/eight-at-once.toml": 400}
"""Executions that take some seconds."""
BESIDE: Final = ("scenarios/kmap/three-importers.toml", "scenarios/kmap/two-importers.toml")
BOTH: Final = 8_000
"""Executions of each of two scenarios that ``--jobs 2`` samples side by side."""
BUDGET: Final = 0.95
DRAIN: Final = "import os, sys\ntry:\n    while os.read(0, 65536): pass\nexcept OSError: pass"


@contextmanager
def terminal() -> Iterator[TextIO]:
    """Stderr is a terminal of 80 by 24, and somebody reads what it shows."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    reader = subprocess.Popen([sys.executable, "-c", DRAIN], stdin=master)
    os.close(master)
    try:
        with (
            os.fdopen(slave, "w", encoding="utf-8") as stderr,
            mock.patch.object(sys, "stderr", stderr),
            mock.patch.dict(os.environ, {"TERM": "xterm-256color"}),
        ):
            yield stderr
    finally:
        reader.wait()


def campaign(program: Program, executions: int, *, shown: bool) -> tuple[float, float]:
    """Seconds of a campaign, by the clock on the wall and of CPU."""
    progress = Progress(Console(), 1)
    with progress if shown else progress.hidden() as drawn:
        show = drawn.of(program.name, executions, float("inf"))
        began, busy = time.perf_counter(), time.process_time()
        perform(fuzz(program, strategy("portfolio", 0), executions=executions, show=show))
        return time.perf_counter() - began, time.process_time() - busy


def side_by_side(stderr: TextIO, executions: int, *, shown: bool) -> tuple[float, float]:
    """The same of two scenarios, by the command line, with ``--jobs 2``."""
    command = [sys.executable, "-m", "dmabuf_async", "fuzz", *BESIDE, "--jobs", "2", "--no-shrink"]
    before, began = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [*command, "--executions", str(executions)],
        stdout=subprocess.DEVNULL,
        stderr=stderr if shown else subprocess.DEVNULL,
        check=True,
    )
    spent, after = time.perf_counter() - began, getrusage(RUSAGE_CHILDREN)
    return spent, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compared(name: str, executions: int, rounds: int, measure: Callable[[bool], tuple[float, float]]) -> None:
    """A row: the rates without and with the panel, by turns, and their ratio."""
    rates: list[list[float]] = [[], []]
    ratios: list[list[float]] = [[], []]
    measure(False)  # what is loaded first, and once
    for number in range(rounds):
        taken = {on: measure(on) for on in (number % 2 == 0, number % 2 == 1)}
        for shown in (False, True):
            rates[shown].append(executions / taken[shown][0])
        for clock in (0, 1):
            ratios[clock].append(taken[False][clock] / taken[True][clock])
    off, on = map(median, rates)
    wall, cpu = map(median, ratios)
    verdict = "within" if min(wall, cpu) >= BUDGET else "UNDER"
    print(
        f"{name:36} {off:8,.0f}/s without  {on:8,.0f}/s with  {100 * wall:6.1f} %, per CPU second "
        f"{100 * cpu:6.1f} %   budget 95 %: {verdict}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit 0 whatever it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of measurements (default 7)")
    parser.add_argument("--share", type=float, default=1.0, help="of the executions (default 1.0)")
    options = parser.parse_args(arguments)
    for name, most in CASES.items():
        program, executions = catalogue.load(name), max(1, int(most * options.share))
        with terminal():
            compared(
                name,
                executions,
                options.rounds,
                lambda on: campaign(program, executions, shown=on),  # noqa: B023
            )
    executions = max(1, int(BOTH * options.share))
    with terminal() as stderr:
        compared(
            "two of scenarios/kmap, --jobs 2",
            2 * executions,
            options.rounds,
            lambda on: side_by_side(stderr, executions, shown=on),
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
