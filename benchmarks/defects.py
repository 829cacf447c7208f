"""Every defect in every right scenario of the driver that it belongs to: ``python -m benchmarks.defects``.

A right scenario is one in which nothing may be found. Each gets each defect of each of its drivers, one at a time, and
a random walk. What came of it is kept in docs/defects.md (``--write``): in how many a defect is found, how often; in
how many every execution was, step for step, the same as without it, so that it has no effect there as far as was seen;
and those in which executions differed and nothing was found, which only an exhaustive search can settle: ``--prove``
decides those that the page lists by the state graph, and where that does not end samples with all strategies in turn.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from dmabuf_async.checkers.catalogue import CHECKERS, CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz, quiet_collector
from dmabuf_async.explore.graph import Graph
from dmabuf_async.scenario import build
from dmabuf_async.scenario.catalogue import find
from dmabuf_async.scenario.load import load_scenario
from dmabuf_async.scenario.processes import processes
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.strategies.catalogue import strategy
from dmabuf_async.strategies.random_walk import RandomWalk

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "defects.md"
BEGIN, END = "<!-- measured: python -m benchmarks.defects --write -->", "<!-- end of what is measured -->"
EXECUTIONS = 100
"""Of each variant, by a random walk."""
FURTHER = 10
"""So many times as many executions are made where the first ones differ and show nothing."""
ROOM = 20_000_000
"""States of one graph."""
ENOUGH = 450_000
"""States after which a graph that has shown something need not be whole."""
SAMPLES = 400
"""Executions with all strategies in turn where the state graph does not end."""
RULE = re.compile(r"\b[VPM][0-9]+\b")
LISTED = re.compile(r"^- (\S+) `(\S+)`: (.*)$", re.MULTILINE)
PLACE = re.compile(r"(\S+\.toml) \(([^,)]+)")


class Tried(NamedTuple):
    """One defect in one scenario."""

    driver: str
    defect: str
    scenario: str
    site: str
    """The buffer or task that has it."""
    executions: int
    found: int
    """Executions with a primary finding."""
    codes: tuple[str, ...]
    differs: bool
    """Whether some execution was another one than without the defect."""


class Variant(NamedTuple):
    """One defect in one scenario, of which it is not known whether it does harm there."""

    driver: str
    defect: str
    scenario: str
    site: str


class Proof(NamedTuple):
    """What sampling, or the state graph, made of a variant."""

    variant: Variant
    codes: dict[str, float | None]
    """What is found, and the probability that a random execution shows it, where the graph tells it."""
    complete: bool
    states: int
    seconds: float
    """Of CPU time."""
    silent: bool = False
    """Every execution was, step for step, the same as without the defect, as far as was seen."""

    @property
    def told(self) -> str:
        """A line of the list of what is found."""
        found = [
            f"`{code}`" if chance is None else f"`{code}` in one execution of {1 / chance:,.0f}"
            for code, chance in self.codes.items()
        ]
        one = self.variant
        return f"- {one.driver} `{one.defect}`: {one.scenario} ({one.site}), {', '.join(found)}"


class Walked(NamedTuple):
    """A random walk of so many executions."""

    shapes: list[Hashable]
    """What each execution was: its steps, and where it ended."""
    found: int
    codes: Counter[str]


def files() -> list[str]:
    """The scenario files of the catalogue."""
    return [name for name in find([str(ROOT / "scenarios")]) if name.endswith(".toml")]


def right_scenarios() -> list[str]:
    """The files in which nothing may be found."""
    return [name for name in files() if not scenario_in(name).expect.findings]


def write(begin: str, end: str, told: str) -> None:
    """Put what is told between two marks of the page."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    PAGE.write_text(f"{before}{begin}\n\n{told}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def scenario_in(name: str) -> Scenario:
    """The scenario in a file."""
    return load_scenario(Path(name), defects=DEFECTS, codes=CODES)


def variants(scenario: Scenario) -> Iterator[tuple[str, str, str, Scenario]]:
    """Driver, defect, who has it, and the scenario with it."""
    for name, buffer in scenario.buffers.items():
        for defect in DEFECTS[buffer.exporter]:
            planted = replace(buffer, defects=[defect])
            yield buffer.exporter, defect, name, replace(scenario, buffers={**scenario.buffers, name: planted})
    for defect in DEFECTS["core"] if processes(scenario) else ():
        yield "core", defect, "core", replace(scenario, machine=replace(scenario.machine, defects=[defect]))
    for name, device in scenario.devices.items():
        for defect in DEFECTS["device"]:
            planted_device = replace(device, defects=[defect])
            devices = {**scenario.devices, name: planted_device}
            yield "device", defect, name, replace(scenario, devices=devices)
    for index, task in enumerate(scenario.tasks):
        for defect in DEFECTS["cpu"]:
            tasks = list(scenario.tasks)
            tasks[index] = replace(task, defects=[defect])
            yield "cpu", defect, task.name, replace(scenario, tasks=tasks)


def walk(scenario: Scenario, executions: int) -> Walked:
    """A random walk with seed 0."""
    machines, strategy = build.program(scenario, "variant").machines(), RandomWalk(0)
    shapes: list[Hashable] = []
    codes, found = Counter[str](), 0
    for index in range(executions):
        machine = machines()
        watch = Watch(machine, CHECKERS, trace=True)
        core = inline.execute(machine, strategy, watch=watch, index=index)
        assert core is not None
        assert watch.steps is not None
        steps = [(step.actor.path, step.op.describe(), step.outcome, repr(step.result)) for step in watch.steps]
        shapes.append((hash(tuple(steps)), machine.fingerprint))
        primary = {finding.code for finding in watch.findings if finding.primary}
        codes.update(primary)
        found += bool(primary)
    return Walked(shapes, found, codes)


def tries(job: tuple[str, int]) -> list[Tried]:
    """Each defect in one scenario."""
    name, executions = job
    scenario = scenario_in(name)
    short = str(Path(name).relative_to(ROOT / "scenarios"))
    executions = fewer(short, executions)
    with quiet_collector() as collect:
        right = walk(scenario, executions)
        tried = []
        for driver, defect, site, planted in variants(scenario):
            wrong = walk(planted, executions)
            differs = wrong.shapes != right.shapes
            if differs and not wrong.found:
                wrong = walk(planted, executions * FURTHER)
            codes = tuple(code for code, _ in wrong.codes.most_common())
            tried.append(Tried(driver, defect, short, site, len(wrong.shapes), wrong.found, codes, differs))
            collect()
    return tried


def fewer(name: str, executions: int) -> int:
    """How many of so many executions a scenario gets."""
    return max(1, executions // 10) if name.startswith("large/") else executions


def prove(job: tuple[str, list[Variant], float]) -> list[Proof]:
    """These variants of one scenario, each until its state graph is whole, or for so many CPU seconds."""
    name, wanted, seconds = job
    scenario = scenario_in(str(ROOT / "scenarios" / name))
    planted = {Variant(driver, defect, name, site): one for driver, defect, site, one in variants(scenario)}
    executions = fewer(name, EXECUTIONS)
    right = walk(scenario, executions)
    proofs = []
    for variant in wanted:
        wrong = walk(planted[variant], executions)
        if wrong.shapes == right.shapes:
            proofs.append(Proof(variant, {}, False, 0, 0.0, silent=True))
        else:
            program = build.program(planted[variant], "variant")
            proof = decide(variant, program, seconds)
            proofs.append(proof if proof.complete or proof.codes else proof._replace(codes=sampled(program)))
    return proofs


def sampled(program: Program) -> dict[str, float | None]:
    """What executions of all strategies in turn show."""
    verdict = perform(fuzz(program, strategy("portfolio", 0), executions=SAMPLES))
    return {failure.finding.code: None for failure in verdict.failures}


def decide(variant: Variant, program: Program, seconds: float) -> Proof:
    """What the state graph shows until it is whole, or large and has shown something, or the CPU time is over."""
    graph = Graph(program, max_states=ROOM)
    progress = graph.progress
    began = time.process_time()
    with quiet_collector():
        while (more := graph.advance()) and time.process_time() - began < seconds:
            if progress.failures and len(graph.edges) > ENOUGH:
                break
    took = time.process_time() - began
    graph.close()
    codes: dict[str, float | None] = {}
    for failure in [*progress.failures.values(), *(one for one, _ in progress.locks.failures(expected=False))]:
        code, chance = failure.finding.code, failure.chance
        codes[code] = max(chance or 0.0, codes.get(code) or 0.0) or None
    return Proof(variant, codes, not more and not progress.cut, len(graph.edges), took)


def percent(share: float) -> str:
    """In words; a share below one in a hundred is not nothing."""
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"


def table(tried: Sequence[Tried]) -> str:
    """The measured part of the page, in Markdown."""
    rows = defaultdict[tuple[str, str], list[Tried]](list)
    for one in tried:
        rows[one.driver, one.defect].append(one)
    lines = [
        "| driver | defect | rules | found as | found in | at best | without effect in | harmless in | unproved |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    unproved: list[str] = []
    for driver, defects in DEFECTS.items():
        for defect, said in defects.items():
            ones = rows[driver, defect]
            found = [one for one in ones if one.found]
            undecided = [one for one in ones if not one.found and one.differs]
            codes = ", ".join(f"`{code}`" for code in dict.fromkeys(code for one in found for code in one.codes)) or "-"
            best = percent(max(one.found / one.executions for one in found)) if found else "-"
            rules = ", ".join(RULE.findall(said.rpartition("(")[2]))
            silent = len(ones) - len(found) - len(undecided)
            lines.append(
                f"| {driver} | `{defect}` | {rules} | {codes} | {len(found)} | {best} | {silent} | 0 "
                f"| {len(undecided)} |"
            )
            places = ", ".join(f"{one.scenario} ({one.site})" for one in undecided)
            if places:
                unproved.append(f"- {driver} `{defect}`: {places}")
    return "\n".join([*lines, "", "## Unproved", "", *(unproved or ["None."])])


def unproved(told: str) -> list[Variant]:
    """Those that the measured part of the page lists."""
    return [
        Variant(driver, defect, scenario, site)
        for driver, defect, places in LISTED.findall(told.partition("## Unproved")[2])
        for scenario, site in PLACE.findall(places)
    ]


def decided(told: str, proofs: Sequence[Proof], seconds: float) -> str:
    """The measured part of the page, with what became of every variant that it lists as unproved."""
    by = defaultdict[tuple[str, str], list[Proof]](list)
    for proof in proofs:
        by[proof.variant.driver, proof.variant.defect].append(proof)
    top, *sections = told.split("\n## ")
    lines, listed, harmless, left = [], [], 0, 0
    for line in top.rstrip().splitlines():
        cells = line.split(" | ")
        ones = by.get((cells[0].removeprefix("| "), cells[1].strip("`")), ()) if len(cells) > 1 else ()
        if ones:
            found = [one for one in ones if one.codes]
            silent = sum(one.silent for one in ones)
            open_ = [one for one in ones if not one.codes and not one.complete and not one.silent]
            codes = re.findall(r"`\S+?`", cells[3]) + [f"`{code}`" for one in found for code in one.codes]
            cells[3] = ", ".join(dict.fromkeys(codes)) or "-"
            cells[4] = str(int(cells[4]) + len(found))
            cells[6] = str(int(cells[6]) + silent)
            cells[7] = str(int(cells[7]) + len(ones) - len(found) - len(open_) - silent)
            cells[8] = f"{len(open_)} |"
            if open_:
                places = [
                    f"{one.variant.scenario} ({one.variant.site}, {one.states:,} states in {one.seconds:.1f} s)"
                    for one in open_
                ]
                listed.append(f"- {ones[0].variant.driver} `{ones[0].variant.defect}`: {', '.join(places)}")
        if len(cells) > 1 and cells[7].isdigit():
            harmless += int(cells[7])
            left += int(cells[8].removesuffix(" |"))
        lines.append(" | ".join(cells))
    known = [line for section in sections[:-1] for line in section.splitlines() if line.startswith("- ")]
    known += [proof.told for proof in proofs if proof.codes]
    summary = (
        f"Of {len(known) + harmless + left:,} variants in which executions differed and a random walk showed nothing, "
        f"the state graph, given at most {seconds:g} CPU seconds each, and {SAMPLES:,} executions with all strategies "
        f"in turn, found {len(known):,} harmful after all, and the graph proved {harmless:,} harmless there: every "
        f"execution is without a finding. {left:,} were not decided."
    )
    graph = ["## Found after all", "", summary, "", *known]
    return "\n".join([*lines, "", *graph, "", "## Unproved", "", *(listed or ["None."])])


def prove_page(seconds: float, jobs: int) -> None:
    """Decide what the page lists as unproved, and write there what came of it."""
    told = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()
    wanted = defaultdict[str, list[Variant]](list)
    for variant in unproved(told):
        wanted[variant.scenario].append(variant)
    proofs: list[Proof] = []
    with multiprocessing.Pool(jobs) as pool:
        each = [(name, ones, seconds) for name, ones in wanted.items()]
        for done, ones in enumerate(pool.imap_unordered(prove, each), 1):
            proofs += ones
            print(f"\r{done} of {len(each)} scenarios", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    proofs.sort(key=lambda one: one.variant)
    write(BEGIN, END, decided(told, proofs, seconds))


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or write it into the page; exit 0 whatever it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.defects", description=__doc__)
    parser.add_argument("--executions", type=int, default=EXECUTIONS, help=f"of each variant (default {EXECUTIONS})")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--prove", type=float, metavar="SECONDS", help="decide what the page lists as unproved")
    options = parser.parse_args(arguments)
    if options.prove is not None:
        prove_page(options.prove, options.jobs)
        return 0
    jobs = [(name, options.executions) for name in right_scenarios()]
    tried: list[Tried] = []
    with multiprocessing.Pool(options.jobs) as pool:
        for done, ones in enumerate(pool.imap_unordered(tries, jobs), 1):
            tried += ones
            print(f"\r{done} of {len(jobs)} scenarios", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    tried.sort(key=lambda one: (one.scenario, one.site))
    told = (
        f"{len(tried):,} variants of {len(jobs)} right scenarios, {options.executions:,} random executions each "
        f"(seed 0), and {options.executions * FURTHER:,} where these were not as without the defect and showed "
        f"nothing; a tenth of that in large/.\n\n{table(tried)}"
    )
    if options.write:
        write(BEGIN, END, told)
    else:
        print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
