"""How fast the searches are, beside their peers: ``python -m benchmarks.exhaustive`` (issue "Exhaustive verdicts").

The programs are those that the peers were measured with. All is CPU time, the best of some rounds, in one run with the
bare loop that resumes the same coroutines with recorded results. ``--write`` keeps it in docs/speed.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.bare import record, resume
from benchmarks.bookkeeping import keep
from benchmarks.defects import right_scenarios
from benchmarks.programs import lock_load_store_unlock
from benchmarks.textbook import increments, own_stores, readers
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS, inline
from dmabuf_async.engine.footsteps import Footsteps
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.dpor import Dpor
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz, quiet_collector
from dmabuf_async.explore.graph import Graph
from dmabuf_async.explore.known import Known
from dmabuf_async.explore.progress import Progress
from dmabuf_async.scenario.catalogue import load
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.replay import Replay

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.core import Core
    from dmabuf_async.machine.machine import Machine

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "speed.md"
BEGIN, END = "<!-- measured: python -m benchmarks.exhaustive --write -->", "<!-- end of what is measured -->"

PROGRAMS: Final[dict[str, tuple[Callable[[Machine], None], int]]] = {
    "A": (lock_load_store_unlock, 1_680),
    "C1": (own_stores, 1),
    "C2": (increments, 90),
    **{f"D({n})": (partial(readers, n=n), 2**n) for n in (2, 3, 4, 5, 8)},
}
"""The program, and how many happens-before classes it has."""

SEVERAL: Final = 300
"""So many executions are made at least, to measure what happens-before adds to each."""

SEARCHES: Final = (
    "| program | classes | DPOR: executions | a second | times executing them | keeping happens-before "
    "| graph: states | transitions | states a second "
    "| transitions a second | states a second, no checkers |"
)
EXECUTIONS: Final = (
    "| program | bare loop | executed, nothing watching | executed, all checkers | a campaign | steps a second "
    "| steps a second, walked | ratio |"
)


class Executed(NamedTuple):
    """Random executions of one program."""

    bare: float
    """Executions per CPU second of the bare loop; so are the next three."""
    unwatched: float
    checked: float
    campaign: float
    inline: float
    """Steps per CPU second when nothing watches; so is the next one."""
    walked: float


def program(name: str) -> Program:
    """One of the programs."""
    return Program(name=name, title=name, build=PROGRAMS[name][0], digest=bytes(32), reusable=True)


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The CPU time that it takes at best."""
    best = float("inf")
    for _ in range(rounds):
        with quiet_collector():
            began = time.process_time()
            work()
            best = min(best, time.process_time() - began)
    return best


def exhaust(search: Graph | Dpor) -> Graph | Dpor:
    """To its end."""
    while search.advance():
        pass
    return search


def executed(name: str, executions: int, rounds: int) -> Executed:
    """Random executions: made for real, with and without checkers, and as a campaign makes them."""
    one = program(name)
    machine, recordings, steps = record(one, executions)
    machines = one.machines()

    def execute(checkers: tuple[Checker, ...] | None) -> None:
        walk = RandomWalk(0)
        for index in range(executions):
            fresh = machines()
            inline.execute(fresh, walk, watch=None if checkers is None else Watch(fresh, checkers), index=index)

    unwatched = seconds(lambda: execute(None), rounds)
    return Executed(
        executions / seconds(lambda: resume(machine, recordings), rounds),
        executions / unwatched,
        executions / seconds(lambda: execute(CHECKERS), rounds),
        executions / seconds(lambda: perform(fuzz(one, RandomWalk(0), executions=executions)), rounds),
        steps / unwatched,
        max(walked(one, executions) for _ in range(rounds)),
    )


def walked(one: Program, executions: int) -> float:
    """Steps per CPU second of so many executions, after ten times as many in which they became known."""
    known, progress, machines = Known(RandomWalk(0), MAX_STEPS), Progress(), one.machines()
    spent = steps = 0.0
    with quiet_collector():
        while progress.executions < 11 * executions:
            before, began = progress.steps, time.process_time()
            unknown = known.walk(progress, 11 * executions - progress.executions)
            if progress.executions > 10 * executions:
                spent += time.process_time() - began
                steps += progress.steps - before
            if unknown:
                machine = machines()
                watch = Watch(machine, CHECKERS)
                core = inline.execute(machine, known.chooser(watch), watch=watch, index=progress.executions)
                assert core is not None
                known.learn(core)
                progress.executions += 1
    return steps / spent


class Recorded(Dpor):
    """DPOR that keeps the schedules of what it explored."""

    def __init__(self, one: Program) -> None:
        super().__init__(one)
        self.schedules: list[list[int]] = []

    def _note(self, watch: Footsteps, core: Core) -> None:
        super()._note(watch, core)
        self.schedules.append(core.choices)


def execute_again(one: Program, schedules: list[list[int]]) -> None:
    """The same executions, with all checkers, for which nobody looks for races."""
    machines = one.machines()
    for schedule in schedules:
        machine = machines()
        inline.execute(machine, Replay(schedule), watch=Watch(machine, CHECKERS))


def searched(name: str, rounds: int) -> str:
    """A row of what both searches make of a program."""
    one, (_, classes) = program(name), PROGRAMS[name]
    dpor = Recorded(one)
    exhaust(dpor)
    checked, bare = exhaust(Graph(one)), exhaust(Graph(one, checkers=()))
    assert isinstance(checked, Graph)
    assert isinstance(bare, Graph)
    by_dpor, by_checked, by_bare = (
        seconds(lambda make=make: exhaust(make()), rounds)  # type: ignore[misc]
        for make in (lambda: Dpor(one), lambda: Graph(one), lambda: Graph(one, checkers=()))
    )
    again = seconds(lambda: execute_again(one, dpor.schedules), rounds)
    several = dpor.schedules * max(1, SEVERAL // len(dpor.schedules))  # a single one costs what it takes to begin
    kept = seconds(lambda: keep(one, several), rounds) / seconds(lambda: execute_again(one, several), rounds)
    executions, states, transitions = dpor.progress.executions, len(checked.edges), checked.progress.steps
    return (
        f"| {name} | {classes:,} | {executions:,} | {executions / by_dpor:,.0f} "
        f"| {by_dpor / again:.1f} | {kept:.2f} | {states:,} | {transitions:,} "
        f"| {states / by_checked:,.0f} | {transitions / by_checked:,.0f} | {len(bare.edges) / by_bare:,.0f} |"
    )


def catalogue(limit: float, names: list[str]) -> str:
    """New states per CPU second over these scenarios, as far as each is exhausted within so many CPU seconds."""
    states = done = 0
    spent = 0.0
    slowest = (float("inf"), "")
    for name in names:
        graph = Graph(load(name))
        with quiet_collector():
            began = time.process_time()
            while (more := graph.advance()) and time.process_time() - began < limit:
                pass
            took = time.process_time() - began
        graph.close()
        if not more:
            done += 1
            states += len(graph.edges)
            spent += took
            slowest = min(slowest, (len(graph.edges) / took, Path(name).name))
    return (
        f"The catalogue: {done} of {len(names)} scenarios in which nothing may be found are exhausted within {limit:g} "
        f"CPU seconds each, {states:,} states at {states / max(spent, 1e-9):,.0f} a second, all checkers on; the "
        f"slowest made {slowest[0]:,.0f} ({slowest[1]})."
    )


def report(names: list[str], executions: int, rounds: int, limit: float) -> str:
    """All of it."""
    lines = [
        SEARCHES,
        f"{'|---' * SEARCHES.count(' | ')}|---|",
        *(searched(name, rounds) for name in names),
        "",
        EXECUTIONS,
        f"{'|---' * EXECUTIONS.count(' | ')}|---|",
    ]
    for name in names:
        one = executed(name, executions, rounds)
        cells = " | ".join(f"{figure:,.0f}" for figure in one)
        lines.append(f"| {name} | {cells} | {one.walked / one.inline:.1f} |")
    if limit:
        lines += ["", catalogue(limit, right_scenarios())]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and with ``--write`` keep it in the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exhaustive", description=__doc__)
    parser.add_argument("--executions", type=int, default=20_000, help="in each measurement (default 20,000)")
    parser.add_argument(
        "--rounds", type=int, default=5, help="of each measurement, of which the best counts (default 5)"
    )
    parser.add_argument(
        "--seconds", type=float, default=5, help="for each of the catalogue; 0 leaves it out (default 5)"
    )
    parser.add_argument("--write", action="store_true", help=f"keep it in {PAGE.relative_to(ROOT)}")
    parser.add_argument("names", nargs="*", help="programs; all if left out")
    options = parser.parse_args(arguments)
    text = report(options.names or list(PROGRAMS), options.executions, options.rounds, options.seconds)
    print(text)
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
