"""``dmabuf-async watch``: an execution live, on a dashboard; in a pipe, line by line."""

from __future__ import annotations

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.verbs import Verb


@click.command("watch", cls=Verb, short_help="look at an execution live: actors, buffers, pins and maps")
@options.scenario
@click.argument("schedule", metavar="[dba1:...]", required=False)
@options.engine
@options.strategy
@options.seed
@options.depth
@options.delays
@options.max_steps
@click.option(
    "--speed",
    type=options.Positive(),
    metavar="N",
    help="Steps a second.  [default: 4 on a terminal; in a pipe as fast as it goes]",
)
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
    speed: float | None,
) -> int:
    """Look at one execution of SCENARIO while it runs, that of a schedule if there is one.

    On a terminal: actors and what they stand before, buffers with residence, pins and maps, translations, locks, the
    last steps, findings. Space pauses, n and b (or the arrows) go a step on and back, f goes to the finding, + and -
    change the speed, q or Ctrl-C ends it. The report follows on the normal screen.
    """
    from dmabuf_async.cli.execution import described
    from dmabuf_async.cli.live import OnDashboard, OnLines, show
    from dmabuf_async.explore.execution import measured, perform
    from dmabuf_async.explore.replaying import strategy_for

    console = options.console(context)
    program = options.loaded(scenario)
    if schedule is None:
        chosen = options.chosen(context, strategy, seed, depth=depth, delays=delays)
        perform(measured(program, chosen, max_steps))
    else:
        options.scheduled(context)
        chosen = strategy_for(program, schedule)
    on_screen = console.is_terminal and not console.as_json
    viewer = OnDashboard(console, program, speed) if on_screen else OnLines(console, program, speed)
    return show(viewer, chosen, engine, max_steps, described(chosen, seed))
