"""``dmabuf-async report``: one execution as a page to share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.verbs import Verb

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.explore.single import Shown
    from dmabuf_async.explore.why import Why
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding

_PAGE = "<!DOCTYPE html>"
"""How a page begins: what is something else is not replaced by one."""


@click.command("report", cls=Verb, short_help="write one execution as a page to share: steps, states, what broke")
@options.scenario
@click.argument("schedule", metavar="[dba1:...]", required=False)
@click.option(
    "-o",
    "output",
    type=options.FILE,
    metavar="FILE",
    help="Write the page to this file.  [default: standard output, if that is no terminal]",
)
@options.max_steps
@options.as_json
@click.pass_context
def command(context: click.Context, *, scenario: str, schedule: str | None, output: Path | None, max_steps: int) -> int:
    """Write a page about one execution of SCENARIO, that of a schedule if there is one.

    It is one HTML file that asks the network for nothing: what broke and why, the steps with arrows of what happens
    before what, the state of the machine after each, and the rule. Without a schedule it is about the least execution
    that shows the first thing fuzz finds in 500, or else about the calm one.
    """
    from dmabuf_async.cli.execution import claim, foremost
    from dmabuf_async.cli.place import STDOUT, place
    from dmabuf_async.explore.execution import perform
    from dmabuf_async.explore.replaying import strategy_for
    from dmabuf_async.explore.single import single
    from dmabuf_async.report.story import explained
    from dmabuf_async.trace.schedule import decode

    console = options.console(context)
    prints = output is None or output == STDOUT
    if output is None and console.is_terminal:
        raise click.UsageError(
            "a page is for a browser: name its file with -o page.html, or pipe it somewhere", context
        )
    if prints and console.as_json:
        raise click.UsageError("the page and --json both want standard output: name the page's file with -o", context)
    if schedule is not None:
        decode(schedule)  # a slip of the mouse is told before anything that the scenario may have
    program = options.loaded(scenario)
    if output is not None and output.is_file() and not _replaceable(output):
        raise click.UsageError(f"-o: {output} is there already, and is no page: name another file", context)
    with place(context, console, output) as write:
        if schedule is None:
            shown, how = _found(console, program, max_steps)
        else:
            shown = perform(single(program, strategy_for(program, schedule), max_steps=max_steps))
            how = "replayed"
        finding = foremost(program, shown)
        reason = explained(program, shown.execution, finding, max_steps=max_steps)
        write(_page(program, shown, finding, reason, claim(program, shown, how), max_steps))
    if console.as_json:
        from dmabuf_async.report.jsonl import report_line, verdict_line

        console.line(report_line(program.name, shown.execution, str(output)))
        console.line(verdict_line(shown.verdict))
    elif not prints:
        said = "nothing found" if finding is None else finding.code
        steps = shown.execution.steps
        console.line(f"{output}: {said}, {steps:,} step{'s' * (steps != 1)} of {program.name}")
    return shown.verdict.exit_code


def _replaceable(path: Path) -> bool:
    """Whether the file holds nothing, or a page."""
    try:
        with path.open("rb") as file:
            return file.read(len(_PAGE)) in {b"", _PAGE.encode()}
    except OSError:
        return True  # whoever writes to it says what is wrong


def _found(console: Console, program: Program, max_steps: int) -> tuple[Shown, str]:
    """The least execution with a finding that sampling comes upon, or the calm one; and how it was come by."""
    from dmabuf_async.cli.fuzz import EXECUTIONS
    from dmabuf_async.cli.shrinking import least
    from dmabuf_async.explore.execution import perform
    from dmabuf_async.explore.fuzzing import fuzz
    from dmabuf_async.explore.replaying import strategy_for
    from dmabuf_async.explore.single import single
    from dmabuf_async.strategies.catalogue import strategy

    sampled = perform(fuzz(program, strategy("portfolio", 0), executions=EXECUTIONS, max_steps=max_steps))
    if sampled.interrupted:
        raise KeyboardInterrupt  # a page about part of the sample would be taken for one about the whole
    failures = sorted((one for one in sampled.failures if not one.edges), key=lambda one: not one.unexpected)
    if not failures:
        return perform(single(program, strategy("calm", 0), max_steps=max_steps)), "calm"
    shown = perform(single(program, strategy_for(program, failures[0].schedule), max_steps=max_steps))
    return least(console, program, shown, max_steps=max_steps), f"of {sampled.executions:,} sampled ones"


def _page(
    program: Program, shown: Shown, finding: Finding | None, reason: Why | None, verdict: str, max_steps: int
) -> str:
    from dmabuf_async.cli import commands
    from dmabuf_async.explore.recording import record
    from dmabuf_async.report.page.whole import Words, page

    words = Words(
        scenario=program.name,
        title=program.title,
        verdict=verdict,
        replay=commands.replay(program.name, shown.execution.schedule, max_steps=max_steps),
        passes=commands.replay(program.name, reason.passing, max_steps=max_steps) if reason else "",
    )
    return page(record(program, shown.execution), finding, reason, words)
