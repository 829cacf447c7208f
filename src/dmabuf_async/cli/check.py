"""``dmabuf-async check``: every execution of scenarios, and what is proved about each."""

from __future__ import annotations

from pathlib import Path

import click

from dmabuf_async.cli import commands, options
from dmabuf_async.cli.outputs import explored, outputs
from dmabuf_async.cli.verbs import Verb


@click.command("check", cls=Verb, short_help="prove what scenarios expect: all executions, not a sample")
@click.argument("paths", type=options.paths, metavar="PATH...", nargs=-1, required=True, shell_complete=options.files)
@click.option(
    "--search",
    type=click.Choice(("auto", "dpor", "graph", "both")),
    default=commands.SEARCH,
    show_default=True,
    help="Orders of steps that conflict (dpor), or states (graph). auto races them, both has each prove the other.",
)
@click.option(
    "--preemptions",
    type=click.IntRange(0),
    metavar="K",
    help="Only executions with at most K preemptions, those with the fewest first.",
)
@click.option("--faults", type=click.IntRange(0), metavar="F", help="Only executions with at most F faults.")
@click.option(
    "--time",
    "seconds",
    type=options.Positive(),
    metavar="SECONDS",
    help="Time for all of it, shared fairly among the scenarios.  [default: without end]",
)
@click.option("--first", is_flag=True, help="Stop at the first finding, expected or not.")
@options.max_steps
@click.option(
    "--max-states",
    type=click.IntRange(1),
    default=commands.MAX_STATES,
    show_default=True,
    metavar="N",
    help="Room for so many states of the graph, 400 to 1,100 bytes each.",
)
@click.option(
    "--checkpoint",
    type=options.WRITTEN,
    metavar="FILE",
    help="Keep here what an unfinished check of one scenario knows.  [default: below .dmabuf-async/]",
)
@click.option(
    "--resume",
    type=options.FILE,
    metavar="FILE",
    help="Go on with one scenario from this checkpoint, and keep the next ones there.",
)
@click.option("--lanes", is_flag=True, help="Show an expected finding of several scenarios, too.")
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
    search: str,
    preemptions: int | None,
    faults: int | None,
    seconds: float | None,
    first: bool,
    max_steps: int,
    max_states: int,
    checkpoint: Path | None,
    resume: Path | None,
    lanes: bool,
    no_shrink: bool,
    known: Path | None,
    corpus: Path | None,
    jobs: int,
) -> int:
    """Explore all executions of every scenario in the files and folders PATH, and judge each by what it expects.

    A verdict says exhaustive if nothing was left out, and up to which bounds if something was. It goes on past
    findings, to prove that there is no other. Stopped at a limit before that, it ends with exit code 6, and says what
    is left and how to go on.
    """
    from dmabuf_async.cli.checkpoint import Refused, read
    from dmabuf_async.cli.proving import Proving

    if preemptions is not None or faults is not None:
        for name, given in (
            ("--search", search != commands.SEARCH),
            ("--checkpoint", checkpoint),
            ("--resume", resume),
        ):
            if given:
                raise click.UsageError(
                    f"--preemptions and --faults bound a search of their own: leave out {name}", context
                )
    body = b""
    if checkpoint is not None or resume is not None:
        name = _single(paths, "--resume" if checkpoint is None else "--checkpoint")
        if resume is not None:
            try:
                body = read(resume, options.loaded(name), search, max_steps)
            except Refused as refused:
                raise click.UsageError(f"--resume: {refused}", context) from refused
    console = options.console(context)
    campaign = Proving(
        console,
        search,
        preemptions=preemptions,
        faults=faults,
        first=first,
        kept=checkpoint or resume,
        resume=body,
        seconds=seconds,
        max_steps=max_steps,
        max_states=max_states,
        lanes=lanes,
        shrinks=not no_shrink,
        accepted=options.accepted(context, known),
    )
    campaign.corpus = options.remembered(context, corpus)
    campaign.jobs = jobs
    return explored(context, campaign, paths)


def _single(paths: tuple[str, ...], option: str) -> str:
    """The one scenario that the paths name."""
    name, *others = paths
    if others or Path(name).is_dir():
        raise click.UsageError(f"{option} is for one scenario: name one file")
    return name
