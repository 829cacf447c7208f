"""How soon each strategy finds each bug: ``python -m benchmarks.strategies --write`` makes tables in docs/sampling.md.

Counted are the schedules up to the first that shows it, those in which a sampler measures included. A cell is the mean
over seeds and the standard deviation; a star: some seeds did not find it within the cap, which counts for them;
a dash: none of the first few seeds did.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, median, pstdev
from typing import Any, Final, NamedTuple

from benchmarks.defects import ROOT, files
from benchmarks.sctbench import BUGS
from dmabuf_async.checkers.catalogue import CHECKERS, PROGRESS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.fuzzing import COLLECT_EVERY, quiet_collector
from dmabuf_async.explore.progress import Progress
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies import SAMPLING
from dmabuf_async.strategies.catalogue import strategy
from dmabuf_async.tasks import Group

PAGE: Final = ROOT / "docs" / "sampling.md"
CAP: Final = 10_000
FIRST: Final = 2
"""If so many seeds come to the cap, no other is tried."""


class Cell(NamedTuple):
    """One strategy on one program."""

    schedules: tuple[int, ...]
    """Up to the first finding, for each seed."""
    missed: int

    def __str__(self) -> str:
        if self.missed == len(self.schedules):
            return "-"
        star = "*" if self.missed else ""
        return f"{fmean(self.schedules):,.0f} ± {pstdev(self.schedules):,.0f}{star}"


def programs() -> dict[str, tuple[Program, frozenset[str]]]:
    """The small programs of the literature, and what is to be found."""
    return {name: (program(name, build), frozenset({code})) for name, (build, code) in BUGS.items()}


def started() -> dict[str, tuple[Program, frozenset[str]]]:
    """Some of them once more, as the original has them: a parent starts its threads one after the other."""
    names = ("twostage", "twostage_20", "reorder_3", "reorder_4", "reorder_5", "reorder_10", "reorder_20")
    return {name: (program(name, one_by_one(BUGS[name][0])), frozenset({BUGS[name][1]})) for name in names}


def program(name: str, build: Callable[[Machine], None]) -> Program:
    """As a scenario."""
    return Program(name=name, title=name, build=build, digest=bytes(32), reusable=True)


class Threads:
    """A machine whose tasks are not declared, but kept for a parent to start them."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.tasks: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)

    def task(self, _name: str, function: Callable[..., Any], *arguments: Any) -> None:
        self.tasks.append((function, arguments))


def one_by_one(build: Callable[[Machine], None]) -> Callable[[Machine], None]:
    """The same program, its tasks started by a parent in the order of their declaration."""

    def made(machine: Machine) -> None:
        threads: Any = Threads(machine)
        build(threads)

        async def parent() -> None:
            async with Group() as group:
                for function, arguments in threads.tasks:
                    await group.spawn(function, *arguments)

        machine.task("main", parent)

    return made


def scenarios() -> dict[str, tuple[Program, frozenset[str]]]:
    """Every scenario of the catalogue in which something is to be found that an execution can show."""
    found = {}
    for name in files():
        program = catalogue.load(name)
        codes = frozenset(program.findings) - frozenset(PROGRESS)
        if codes:
            found[str(Path(name).relative_to(ROOT / "scenarios"))] = (program, codes)
    return found


TABLES: Final = {"programs": programs, "started": started, "scenarios": scenarios}
"""By title: what is in it."""


def schedules(program: Program, codes: frozenset[str], name: str, seed: int, collect: Callable[[], int]) -> int | None:
    """How many it takes with this seed; None: the cap was reached."""
    machines, chooser, progress = program.machines(), strategy(name, seed), Progress()
    circles = "lock-order" in codes
    for index in range(CAP):
        machine = machines()
        watch = Watch(machine, CHECKERS)
        core = inline.execute(machine, chooser, watch=watch, index=index)
        assert core is not None
        if any(finding.code in codes for finding in watch.findings if finding.primary):
            return index + 1
        if circles:
            before = len(progress.locks.edges)
            progress.note(program, watch, core)
            if len(progress.locks.edges) > before and any(progress.locks.failures(expected=True)):
                return index + 1
        if index % COLLECT_EVERY == COLLECT_EVERY - 1:
            collect()
    return None


def cell(program: Program, codes: frozenset[str], name: str, seeds: int) -> Cell:
    """One strategy on one program."""
    taken: list[int] = []
    missed = 0
    with quiet_collector() as collect:
        for seed in range(seeds):
            if missed == seed == FIRST:
                break
            found = schedules(program, codes, name, seed, collect)
            taken.append(CAP if found is None else found)
            missed += found is None
            collect()
    return Cell(tuple(taken), missed)


def rows(what: dict[str, tuple[Program, frozenset[str]]], names: Sequence[str], seeds: int) -> Iterator[str]:
    """A table in Markdown, row by row; beside the means the median and the worst seed of the first strategy."""
    yield f"| program | {' | '.join(names)} | {names[0]}: median, worst |"
    yield f"|---|{'--:|' * (len(names) + 1)}"
    for title, (program, codes) in what.items():
        cells = [cell(program, codes, name, seeds) for name in names]
        first = cells[0].schedules
        yield f"| {title} | {' | '.join(map(str, cells))} | {median(first):,.0f}, {max(first):,} |"


def written(begin: str, end: str, table: str) -> None:
    """Put a table into the page, between two marks."""
    before, mark, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, closing, after = rest.partition(end)
    if not mark or not closing:
        raise SystemExit(f"{PAGE} has no place for it: {begin} ... {end}")
    PAGE.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Print the tables as they come, or write them into the page; exit 0 whatever they say: a figure is not a test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strategies", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="for each cell (default 10)")
    parser.add_argument("--strategy", action="append", choices=SAMPLING, help="only these (default: all)")
    parser.add_argument("--table", action="append", choices=TABLES, help="only these (default: all)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only programs whose name has this in it")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    for title in options.table or TABLES:
        what = {name: one for name, one in TABLES[title]().items() if options.only in name}
        lines = [f"{options.seeds} seeds, at most {CAP:,} schedules each:", ""]
        for line in rows(what, options.strategy or SAMPLING, options.seeds):
            print(line, flush=True)
            lines.append(line)
        print()
        if options.write:
            mark = f"<!-- {title}: python -m benchmarks.strategies --table {title} --write -->"
            written(mark, f"<!-- end of {title} -->", "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
