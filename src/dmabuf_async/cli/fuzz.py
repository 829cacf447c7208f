"""``dmabuf-async fuzz``: many executions of many scenarios, and a verdict on each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.outputs import explored, outputs
from dmabuf_async.cli.verbs import Verb

if TYPE_CHECKING:
    from dmabuf_async.strategies.base import Strategy

EXECUTIONS = 500
"""Of each scenario, where neither --executions nor --time says something else."""


@click.command("fuzz", cls=Verb, short_help="sample many executions of files and folders, and judge them")
@click.argument("paths", type=options.paths, metavar="PATH...", nargs=-1, required=True, shell_complete=options.files)
@click.option(
    "--executions",
    type=click.IntRange(1),
    metavar="N",
    help=f"Executions of each scenario, at most.  [default: {EXECUTIONS:,}, or without end if --time is given]",
)
@click.option(
    "--time",
    "seconds",
    type=options.Positive(),
    metavar="SECONDS",
    help="Time for all of it, shared fairly among the scenarios.",
)
@options.sampling
@options.seed
@options.depth
@options.delays
@click.option(
    "--faults",
    type=click.IntRange(0),
    metavar="K",
    help="At most K faults in an execution.  [default: as many as the scenario declares]",
)
@click.option(
    "--generate",
    is_flag=True,
    help="Draw importers that keep every rule against the exporters of each scenario, in the place of its tasks.",
)
@click.option(
    "--scenarios",
    type=click.IntRange(1),
    metavar="N",
    help="With --generate: how many scenarios are drawn against each, at most.  [default: 100, or without end if"
    " --time is given]",
)
@click.option(
    "-o",
    "output",
    type=options.WRITTEN,
    metavar="FILE",
    help="With --generate: write the smallest scenario that shows something to the new file FILE.",
)
@options.engine
@options.max_steps
@click.option("--lanes", is_flag=True, help="Show an execution with an expected finding, too.")
@options.no_shrink
@options.known
@options.corpus
@options.jobs
@outputs
@options.as_json
@click.pass_context
def command(  # noqa: PLR0913 - click hands over each option as an argument
    context: click.Context,
    *,
    paths: tuple[str, ...],
    executions: int | None,
    seconds: float | None,
    strategy: str,
    seed: int,
    depth: int | None,
    delays: int | None,
    faults: int | None,
    generate: bool,
    scenarios: int | None,
    output: Path | None,
    engine: str,
    max_steps: int,
    lanes: bool,
    no_shrink: bool,
    known: Path | None,
    corpus: Path | None,
    jobs: int,
) -> int:
    """Sample executions of every scenario in the files and folders PATH, and judge each by what it expects.

    What is found is the same each time for the same seed and number of executions. A file that is not valid doesn't
    stop the others. With --generate, what is found is the exporter's fault: see docs/generating.md.
    """
    from dmabuf_async.cli.sampling import Sampling

    own = executions
    if executions is None and seconds is None:
        executions = EXECUTIONS

    def made() -> Strategy:
        return options.chosen(context, strategy, seed, depth=depth, delays=delays)

    made()  # what is refused is refused before anything is read
    more: dict[str, Any] = {
        "seed": seed,
        "faults": faults,
        "seconds": seconds,
        "max_steps": max_steps,
        "engine": engine,
        "lanes": lanes,
        "shrinks": not no_shrink,
        "accepted": options.accepted(context, known),
    }
    if generate:
        from dmabuf_async.cli.generating import generating

        if jobs > 1:
            raise click.UsageError(
                "--jobs is of no use to --generate, which draws in one process. Leave it out.", context
            )
        if corpus is not None:
            raise click.UsageError(
                "--corpus is of no use to --generate: that finds scenarios, and -o FILE keeps one. Leave it out.",
                context,
            )
        return generating(context, paths, own, strategy, made, scenarios=scenarios, output=output, **more)
    for option, value in (("--scenarios", scenarios), ("-o", output)):
        if value is not None:
            raise click.UsageError(f"{option} belongs to --generate. Leave it out, or say --generate.", context)
    campaign = Sampling(options.console(context), executions, strategy, made, **more)
    campaign.corpus = options.remembered(context, corpus)
    campaign.jobs = jobs
    return explored(context, campaign, paths)
