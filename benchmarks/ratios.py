"""The budgets of DESIGN 11 as ratios, all taken in one run: ``python -m benchmarks.ratios``.

``remembered`` and ``remembered+checked`` are campaigns of 20,000 executions as ``fuzz`` performs them, which don't
execute again what they know: each begins knowing nothing, and what it costs to learn is in the figure. All other
cases execute every step.

Each round measures every case once, one right after the other, and a ratio is the median over
rounds of the ratios within a round: so what else the machine is doing falls on both sides.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import NamedTuple

from benchmarks.bare import record, resume
from benchmarks.programs import programs
from dmabuf_async.checkers.base import Checker
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline, on_anyio
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk


class Case(NamedTuple):
    """What is measured, against what, and what the ratio may be."""

    name: str
    against: str
    budget: float


CASES = (
    Case("inline", "bare", 2.0),
    Case("checked", "bare", 4.0),
    Case("traced", "checked", 1.5),
    Case("remembered", "bare", 2.0),
    Case("remembered+checked", "bare", 4.0),
    Case("asyncio", "inline", 40.0),
    Case("trio", "inline", 40.0),
)


CAMPAIGN = 20_000
"""Executions of one campaign."""


class Measured(NamedTuple):
    """One case of one program."""

    program: str
    case: Case
    ratio: float
    step: float
    """Seconds a step, at best."""
    execution: float
    """Seconds an execution, at best."""


async def hosted(program: Program, executions: int) -> float:
    """Seconds for so many executions, the start of the loop apart."""
    machines, strategy = program.machines(), RandomWalk(0)
    began = time.perf_counter()
    for index in range(executions):
        await on_anyio.execute(machines(), strategy, index=index)
    return time.perf_counter() - began


def cases(program: Program, executions: int) -> tuple[dict[str, Callable[[], float]], float]:
    """By name, what takes how many seconds for an execution; and the steps in one."""
    machine, recordings, steps = record(program, executions)
    few = max(1, executions // 20)
    machines = program.machines()

    def timed(work: Callable[[], object]) -> Callable[[], float]:
        def measure() -> float:
            began = time.perf_counter()
            work()
            return (time.perf_counter() - began) / executions

        return measure

    def unwatched() -> None:
        strategy = RandomWalk(0)
        for index in range(executions):
            inline.execute(machines(), strategy, index=index)

    def checked(*, trace: bool) -> Callable[[], None]:
        kept: Callable[[], Machine] = program.machines()

        def work() -> None:
            strategy = RandomWalk(0)
            for index in range(executions):
                fresh = kept()
                inline.execute(fresh, strategy, watch=Watch(fresh, CHECKERS, trace=trace), index=index)

        return work

    def remembered(checkers: Iterable[Checker]) -> Callable[[], float]:
        def measure() -> float:
            gc.collect()  # a campaign begins by collecting, and what other cases left is not its garbage
            began = time.perf_counter()
            perform(fuzz(program, RandomWalk(0), executions=CAMPAIGN, checkers=checkers))
            return (time.perf_counter() - began) / CAMPAIGN

        return measure

    return {
        "bare": timed(lambda: resume(machine, recordings)),
        "inline": timed(unwatched),
        "checked": timed(checked(trace=False)),
        "traced": timed(checked(trace=True)),
        "remembered": remembered(()),
        "remembered+checked": remembered(CHECKERS),
        "asyncio": lambda: on_anyio.run("asyncio", hosted, program, few) / few,
        "trio": lambda: on_anyio.run("trio", hosted, program, few) / few,
    }, steps / executions


def measure(executions: int, rounds: int) -> list[Measured]:
    """Every case of every program."""
    table = []
    for name, program in programs().items():
        measures, steps = cases(program, executions)
        for work in measures.values():  # what is made once, and what CPython learns about the code
            work()
        taken: dict[str, list[float]] = {case: [] for case in measures}
        gc.collect()
        gc.disable()
        for _ in range(rounds):
            for name_, work in measures.items():
                taken[name_].append(work())
        gc.enable()
        table.append(Measured(name, Case("bare", "bare", 1.0), 1.0, min(taken["bare"]) / steps, min(taken["bare"])))
        for case in CASES:
            ratios = [one / other for one, other in zip(taken[case.name], taken[case.against], strict=True)]
            best = min(taken[case.name])
            table.append(Measured(name, case, median(ratios), best / steps, best))
    return table


def line(one: Measured) -> str:
    """A row of the table."""
    case = one.case
    against = "" if case.name == "bare" else f"{one.ratio:6.2f} x {case.against:8} {case.budget:5.1f}"
    verdict = "" if case.name == "bare" else ("within" if one.ratio <= case.budget else "OVER")
    return (
        f"{one.program:10} {case.name:18} {one.step * 1e9:8,.0f} {1 / one.execution:14,.0f}   {against:24} {verdict}"
    ).rstrip()


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit 0 whatever it says: a figure is not a test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ratios", description=__doc__)
    parser.add_argument("--executions", type=int, default=400, help="in each measurement (default 400)")
    parser.add_argument("--rounds", type=int, default=15, help="of measurements (default 15)")
    options = parser.parse_args(arguments)
    print(
        f"CPython {sys.version.split()[0]}, {options.rounds} rounds of {options.executions} executions, "
        f"remembered ones of {CAMPAIGN:,}"
    )
    print(f"{'program':10} {'case':18} {'ns/step':>8} {'executions/s':>14}   {'ratio':24} budget".rstrip())
    for one in measure(options.executions, options.rounds):
        print(line(one))
    return 0


if __name__ == "__main__":
    sys.exit(main())
