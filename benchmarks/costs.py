"""What a step costs with each strategy, relative to an executed random walk: ``python -m benchmarks.costs``.

Two programs, each with 3 and with 50 actors: everybody stores to a cell of its own, so that nobody is affected by
anybody; and threes or fives share a lock and a counter, so that most wait. With the checkers, as campaigns run, and
without anything that watches, where the strategy weighs most. A figure is the least CPU time of all rounds.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies import SAMPLING
from dmabuf_async.strategies.catalogue import strategy

BUDGETS: Final = {"pct": 1.5, "pos": 2.5, "surw": 3.5}
STEPS: Final = 12
SHARED: Final = {3: 3, 50: 5}
"""How many share a lock, by the number of actors."""


def apart(machine: Machine, actors: int) -> None:
    """Everybody makes stores of its own; each op is made beforehand."""

    async def work(cell: Cell) -> None:
        store = cell.store(1)
        for _ in range(STEPS):
            await store

    for number in range(actors):
        machine.task(f"worker{number}", work, machine.cell(f"own{number}"))


def together(machine: Machine, actors: int) -> None:
    """Several share a lock and what it guards."""

    async def work(mutex: Mutex, cell: Cell) -> None:
        lock, unlock, load, store = mutex.lock(), mutex.unlock(), cell.load(), cell.store(1)
        for _ in range(STEPS // 4):
            await lock
            await load
            await store
            await unlock

    groups = [
        (machine.mutex(f"mutex{number}"), machine.cell(f"shared{number}")) for number in range(actors // SHARED[actors])
    ]
    for number in range(actors):
        machine.task(f"worker{number}", work, *groups[number % len(groups)])


class Cost(NamedTuple):
    """One strategy on one program."""

    program: str
    watched: str
    strategy: str
    step: float
    """Seconds of CPU time a step, at best."""
    ratio: float
    """Of that to the random walk's."""

    def __str__(self) -> str:
        budget = BUDGETS.get(self.strategy)
        verdict = "" if budget is None else f"{budget:5.1f}  {'within' if self.ratio <= budget else 'OVER'}"
        columns = f"{self.program:20} {self.watched:9} {self.strategy:10}"
        return f"{columns} {self.step * 1e9:8,.0f} {self.ratio:6.2f} {verdict}".rstrip()


def costs(rounds: int) -> Iterator[Cost]:
    """Every strategy on every program, the random walk first."""
    names = ["random", *(name for name in SAMPLING if name != "random")]
    for actors in (3, 50):
        executions = 200 // actors
        for title, build in (("apart", apart), ("together", together)):
            name = f"{actors} actors {title}"
            program = Program(
                name=name, title=name, build=partial(build, actors=actors), digest=bytes(32), reusable=True
            )
            for watched in ("unwatched", "checked"):
                machines = program.machines()
                choosers = {one: strategy(one, 0) for one in names}
                best = dict.fromkeys(names, float("inf"))
                for _ in range(rounds):
                    for one, chooser in choosers.items():
                        steps, began = 0, time.process_time()
                        for index in range(executions):
                            machine = machines()
                            watch = Watch(machine, CHECKERS) if watched == "checked" else None
                            core = inline.execute(machine, chooser, watch=watch, index=index)
                            assert core is not None
                            steps += core.steps
                        best[one] = min(best[one], (time.process_time() - began) / steps)
                for one in names:
                    yield Cost(name, watched, one, best[one], best[one] / best["random"])


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit 0 whatever it says: a figure is not a test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.costs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="of measurements (default 40)")
    options = parser.parse_args(arguments)
    print(f"CPython {sys.version.split()[0]}, the best of {options.rounds} rounds")
    print(f"{'program':20} {'':9} {'strategy':10} {'ns/step':>8} {'ratio':>6} budget")
    gc.disable()
    for cost in costs(options.rounds):
        print(cost, flush=True)
    gc.enable()
    return 0


if __name__ == "__main__":
    sys.exit(main())
