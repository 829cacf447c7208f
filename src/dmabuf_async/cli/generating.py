"""``fuzz --generate``: drawn importers against the exporters of each scenario, and the smallest that breaks them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from dmabuf_async.campaign.sink import Sink
from dmabuf_async.cli import options
from dmabuf_async.cli.outputs import explored
from dmabuf_async.cli.sampling import Sampling
from dmabuf_async.errors import ScenarioError
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.explore.generating import Decided, Generated, decide, generate
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.scenario import build
from dmabuf_async.scenario.hints import spelled
from dmabuf_async.scenario.writing import toml

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.cli.progress import Progress
    from dmabuf_async.cli.table import Table
    from dmabuf_async.explore.progress import Progress as Counts
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.scenario.schema import Scenario
    from dmabuf_async.strategies.base import Strategy

SCENARIOS: Final = 100
"""Drawn against each, where neither --scenarios nor --time says something else."""
EACH: Final = 30
"""Executions of a drawn scenario, where --executions says nothing else."""
_NO_END: Final = 1 << 30


def generating(
    context: click.Context,
    paths: Sequence[str],
    executions: int | None,
    name: str,
    strategy: Callable[[], Strategy],
    *,
    scenarios: int | None,
    output: Path | None,
    **more: Any,
) -> int:
    """What the command line asks for; returns the exit code. Raises click.UsageError for what cannot be had."""
    if find_spec("hypothesis") is None:
        raise click.UsageError(
            "--generate draws with Hypothesis, which is not installed here; install it in a checkout of this package "
            "with: python -m pip install '.[generate]'",
            context,
        )
    if scenarios is None:
        scenarios = SCENARIOS if more["seconds"] is None else _NO_END
    with ExitStack() as stack:
        sink = None if output is None else stack.enter_context(_new(context, paths, output))
        stack.enter_context(_no_traces())
        campaign = Generating(
            options.console(context), executions or EACH, name, strategy, scenarios=scenarios, file=output, sink=sink,
            **more,
        )  # fmt: skip
        return explored(context, campaign, paths)


def _new(context: click.Context, paths: Sequence[str], output: Path) -> Sink:
    """A place for one scenario, in which there is none."""
    if len(paths) > 1 or os.path.isdir(paths[0]):  # noqa: PTH112 - unlike pathlib's it never raises
        raise click.UsageError(
            "-o writes one scenario, and several may be found: name one scenario file, not a folder.", context
        )
    if os.path.isfile(output):  # noqa: PTH113 - as above
        raise click.UsageError(f"-o: {spelled(output)} is there already, and is not written over: name a new file.")
    try:
        return Sink(output)
    except OSError as error:
        raise click.UsageError(f"-o: {spelled(output)} cannot be written ({error.strerror})", context) from error


@contextmanager
def _no_traces() -> Iterator[None]:
    """Hypothesis keeps what it learns in a folder beside the scenarios, and nobody asked for it."""
    from hypothesis.configuration import set_hypothesis_home_dir

    with TemporaryDirectory(prefix="dmabuf-async-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


class Generating(Sampling):
    """At most so many ``scenarios`` are drawn against each, and each of them is executed so many times."""

    def __init__(
        self,
        console: Console,
        each: int,
        name: str,
        strategy: Callable[[], Strategy],
        *,
        scenarios: int,
        file: Path | None,
        sink: Sink | None,
        **more: Any,
    ) -> None:
        super().__init__(console, None, name, strategy, **more)
        self._executions_each = each
        self._scenarios = scenarios
        self._file = file
        self._sink = sink
        self._told: dict[str, tuple[Generated, Program, str]] = {}  # by scenario: what, as a program, and as a text

    def explored(self, program: Program, seconds: float, progress: Progress) -> Verdict:
        base = options.document(program.name)
        if base is None:
            raise ScenarioError(
                f"{spelled(program.name)}: is written in Python, and --generate takes scenario files; for an exporter "
                "of your own, see docs/generating.md"
            )
        if not base.buffers:
            raise ScenarioError(
                f"{spelled(program.name)}: has no buffer, and so no exporter to draw importers against; name one that "
                "has, or leave out --generate"
            )
        draw = progress.of(program.name, None if self._scenarios == _NO_END else self._scenarios, seconds)
        totals = Counting(draw)

        def decided(one: Scenario) -> Decided:
            self.look()
            drawn = build.program(one, program.name)
            jobs = decide(
                drawn,
                self._fresh(drawn),
                executions=self._executions_each,
                max_steps=self.max_steps,
                accepts=self.accepted.of(program.name),
                show=lambda _: self.look(),
            )
            result = perform(jobs, self.engine)
            totals.add(result)
            return result

        result = generate(
            base, decided, scenarios=self._scenarios, seed=self._seed, seconds=seconds, shrinks=self.shrinks
        )
        if result.smallest is None:
            return _nothing_found(program.name, result)
        return self._judged_smallest(program.name, result)

    def told_of(self, program: Program) -> Program:
        return self._told[program.name][1] if program.name in self._told else program

    def _judged_smallest(self, name: str, result: Generated) -> Verdict:
        """The verdict on the smallest scenario, as the file says it that is printed."""
        assert result.smallest is not None
        plain = build.program(result.smallest, name)
        codes = self._verdict(plain).counts
        told = msgspec.structs.replace(
            result.smallest,
            title=f"Importers that keep the rules find {result.code}",
            story=f"Drawn against the exporters of {spelled(name)} by fuzz --generate --seed {self._seed}.",
            expect=msgspec.structs.replace(
                result.smallest.expect, findings=list(dict.fromkeys(signature.code for signature in codes))
            ),
        )
        program = replace(build.program(told, self._name_of(name)), findings=())
        self._told[name] = (result, program, toml(told))
        verdict = self._verdict(program)
        failures = sorted(verdict.failures, key=lambda one: one.finding.code != result.code)
        return replace(verdict, scenario=name, failures=tuple(failures), sample=None, interrupted=result.interrupted)

    def _verdict(self, program: Program) -> Verdict:
        jobs = fuzz(
            program,
            self._fresh(program),
            executions=self._executions_each,
            max_steps=self.max_steps,
            accepts=self.accepted.of(program.name),
        )
        return perform(jobs, self.engine)

    def _name_of(self, name: str) -> str:
        """The file that the scenario is in, or is to be saved as."""
        return str(self._file) if self._file is not None else f"{Path(name).stem}-drawn.toml"

    def replay(self, verdict: Verdict, schedule: str) -> str:
        found = self._told.get(verdict.scenario)
        return super().replay(verdict if found is None else replace(verdict, scenario=found[1].name), schedule)

    def _tell(self, table: Table, program: Program | None, verdict: Verdict, go_on: str) -> None:
        super()._tell(table, program, verdict, go_on)
        found = self._told.get(verdict.scenario)
        if found is None:
            return
        result, drawn, text = found
        if self._sink is not None:
            try:
                self._sink.write(text)
            except OSError as error:
                raise click.UsageError(f"-o: {drawn.name} cannot be written ({error.strerror})") from error
        if self.console.as_json:
            from dmabuf_async.report.jsonl import generated_line

            self.console.line(
                generated_line(
                    verdict.scenario,
                    drawn.name,
                    text,
                    scenarios=result.scenarios,
                    first=result.first,
                    written=self._sink is not None,
                )
            )
        else:
            where = "written to" if self._sink is not None else "save it as"
            made = f"{result.scenarios:,} scenarios, {result.executions:,} executions; number {result.first} showed it"
            self.console.line(f"  drawn    {made}")
            self.console.line(f"  scenario the smallest, {where} {drawn.name}:")
            self.console.line()
            for line in text.splitlines():
                self.console.line(line)
            self.console.line()
        self.console.flush()


class Counting:
    """Shows how far it is, in scenarios."""

    def __init__(self, draw: Callable[[Counts, str], None]) -> None:
        from dmabuf_async.explore.progress import Progress as Counts

        self._draw = draw
        self._counts = Counts()
        self._executions = 0

    def add(self, result: Decided) -> None:
        """One more."""
        self._counts.executions += 1  # of drawn scenarios
        self._executions += result.executions
        self._draw(self._counts, f"{self._counts.executions:,} scenarios, {self._executions:,} executions of them")


def _nothing_found(name: str, result: Generated) -> Verdict:
    strength = f"{result.scenarios:,} drawn scenarios"
    return Verdict(
        scenario=name,
        strength="unfinished" if result.interrupted else strength,
        executions=result.executions,
        steps=result.steps,
        seconds=0.0,
        cut=result.cut,
        failures=(),
        interrupted=result.interrupted,
        exit_code=130 if result.interrupted else 0,
    )
