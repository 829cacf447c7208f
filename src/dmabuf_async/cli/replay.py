"""``dmabuf-async replay``: the execution that a schedule stands for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.tracing import trace, tracing
from dmabuf_async.cli.verbs import Verb

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.explore.single import Shown
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.replay import Replay


@click.command("replay", cls=Verb, short_help="show again the execution that a schedule stands for")
@options.scenario
@click.argument("schedule", metavar="dba1:...")
@options.engine
@options.max_steps
@options.every
@click.option("--shrink", is_flag=True, help="Show the least execution that shows the same finding.")
@click.option(
    "--pdb",
    "stop",
    type=click.IntRange(1),
    metavar="STEP",
    help="Stop in Python's debugger when this step has been made, inside the task that made it.",
)
@click.option("--as-test", is_flag=True, help="Print a test for pytest that fails the same way, and runs as it is.")
@trace
@options.as_json
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option as an argument
    context: click.Context,
    *,
    scenario: str,
    schedule: str,
    engine: str,
    max_steps: int,
    every: bool,
    shrink: bool,
    stop: int | None,
    as_test: bool,
    form: str | None,
    output: Path | None,
) -> int:
    """Show again what the schedule dba1:... stands for: the same execution of SCENARIO, on every engine.

    If the scenario has changed since it was recorded, it is said what doesn't fit, and the exit code is 4.
    """
    from dmabuf_async.cli.execution import report
    from dmabuf_async.explore.execution import perform
    from dmabuf_async.explore.replaying import strategy_for
    from dmabuf_async.explore.single import single
    from dmabuf_async.trace.schedule import decode

    if shrink and stop is not None:
        raise click.UsageError("--pdb stops in the execution that is given: shrink it first, without --pdb", context)
    if as_test and (every or stop is not None or form is not None):
        other = "--all" if every else "--pdb" if stop is not None else "--trace"
        raise click.UsageError(f"--as-test shows no steps: leave out {other}", context)
    decode(schedule)  # a slip of the mouse is told before anything that the scenario may have
    program = options.loaded(scenario)
    strategy = strategy_for(program, schedule)
    console = options.console(context)
    with tracing(context, form, output) as traced:
        if stop is None:
            shown = perform(single(program, strategy, max_steps=max_steps), engine)
        else:
            shown = _stopped(context, program, strategy, stop, engine, max_steps)
        if shrink:
            from dmabuf_async.cli.shrinking import least

            shown = least(console, program, shown, max_steps=max_steps)
        told = traced(program, shown)
    if as_test:
        return _as_test(console, program, shown, max_steps)
    if told:
        report(console, program, shown, how="replayed", max_steps=max_steps, steps="all" if every else "some")
    return shown.verdict.exit_code


def _stopped(
    context: click.Context, program: Program, strategy: Replay, stop: int, engine: str, max_steps: int
) -> Shown:
    """The execution, with Python's debugger when the step has been made."""
    from dmabuf_async.cli.debugger import Debugger
    from dmabuf_async.explore.execution import perform
    from dmabuf_async.explore.single import single

    debugger = Debugger(stop)
    jobs = single(program, strategy, max_steps=max_steps, see=debugger.see)
    try:
        shown = perform(jobs, engine, pace=tuple)  # each task is really resumed then
    finally:
        debugger.leave()
    if not debugger.made and not shown.verdict.interrupted:
        made = shown.execution.steps
        raise click.UsageError(f"--pdb: there is no step {stop}: this execution ends after step {made}", context)
    return shown


def _as_test(console: Console, program: Program, shown: Shown, max_steps: int) -> int:
    """Print the module that shows what this execution does; the exit code says whether there is one."""
    from dmabuf_async.cli import commands, exits
    from dmabuf_async.cli.execution import foremost
    from dmabuf_async.report.as_test import module
    from dmabuf_async.scenario.load import contents
    from dmabuf_async.scenario.places import file_of

    finding = foremost(program, shown)
    if finding is None:
        console.complain(f"{program.name}: this execution shows no finding, so that there is nothing to fail for")
        return exits.FOUND
    schedule = shown.execution.schedule
    path, function = file_of(program.name)
    command = commands.replay(program.name, schedule, max_steps=max_steps).replace(" replay ", " replay --as-test ", 1)
    text = module(path, function, contents(Path(path)).decode(), finding, schedule, command, max_steps=max_steps)
    if console.as_json:
        from dmabuf_async.report.jsonl import test_line

        console.line(test_line(program.name, schedule, text))
    else:
        console.line(text.rstrip("\n"))
    return exits.AS_EXPECTED
