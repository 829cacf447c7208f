"""``dmabuf-async check``: every execution of scenarios, and what is proved about each."""

from __future__ import annotations

from pathlib import Path

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.verbs import Verb


@click.command("check", cls=Verb, short_help="prove what scenarios expect: all executions, not a sample")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, shell_complete=options.files)
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Time for all of it, shared fairly among the scenarios.  [default: without end]",
)
@click.option("--first", is_flag=True, help="Stop at the first finding, expected or not.")
@options.max_steps
@click.option("--lanes", is_flag=True, help="Show an expected finding of several scenarios, too.")
@options.junit
@options.as_json
@click.pass_context
def command(
    context: click.Context,
    *,
    paths: tuple[str, ...],
    seconds: float | None,
    first: bool,
    max_steps: int,
    lanes: bool,
    junit: Path | None,
) -> int:
    """Explore all executions of every scenario in the files and folders PATH, and judge each by what it expects.

    A verdict says exhaustive if nothing was left out. It goes on past findings, to prove that there is no other.
    Stopped at a limit before that, it ends with exit code 6 and says what is left.
    """
    from dmabuf_async.cli.proving import Proving

    campaign = Proving(
        options.console(context), "graph", first=first, seconds=seconds, max_steps=max_steps, lanes=lanes
    )
    return options.explored(context, campaign, paths, junit)
