"""``dmabuf-async run``: one execution, step by step."""

from __future__ import annotations

from pathlib import Path

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.tracing import trace, tracing
from dmabuf_async.cli.verbs import Verb


@click.command("run", cls=Verb, short_help="show one execution of a scenario, step by step")
@options.scenario
@options.engine
@options.strategy
@options.seed
@options.depth
@options.delays
@options.schedule
@options.max_steps
@options.every
@trace
@options.as_json
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option as an argument
    context: click.Context,
    *,
    scenario: str,
    engine: str,
    strategy: str,
    seed: int,
    depth: int | None,
    delays: int | None,
    schedule: str | None,
    max_steps: int,
    every: bool,
    form: str | None,
    output: Path | None,
) -> int:
    """Show one execution of SCENARIO, a file or FILE.py:FUNCTION, in columns.

    Shown are the steps that the finding depends on, or all of them if nothing was found. One execution proves little:
    that an expected finding doesn't come is no failure.
    """
    from dmabuf_async.cli.execution import described, report
    from dmabuf_async.explore.execution import measured, perform
    from dmabuf_async.explore.replaying import strategy_for
    from dmabuf_async.explore.single import single

    program = options.loaded(scenario)
    if schedule is None:
        chosen = options.chosen(context, strategy, seed, depth=depth, delays=delays)
        perform(measured(program, chosen, max_steps), engine)
    else:
        options.scheduled(context)
        chosen = strategy_for(program, schedule)
    with tracing(context, form, output) as traced:
        shown = perform(single(program, chosen, max_steps=max_steps), engine)
        told = traced(program, shown)
    if told:
        how = described(chosen, seed)
        report(options.console(context), program, shown, how=how, max_steps=max_steps, steps="all" if every else "some")
    return shown.verdict.exit_code
