"""``dmabuf-async explain``: what a finding means."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import click

from dmabuf_async.cli import commands, exits, options
from dmabuf_async.cli.verbs import Verb, unknown
from dmabuf_async.engine import MAX_STEPS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dmabuf_async.cli.console import Console


_WIDEST: Final = 120
"""Characters of columns, which are told among sentences."""


def _codes(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from dmabuf_async.checkers.catalogue import CODES

    return [CompletionItem(code) for code in CODES if code.startswith(incomplete)]


@click.command("explain", cls=Verb, short_help="tell what a finding means, or the story of an execution")
@click.argument("what", metavar="[CODE | SCENARIO]", required=False, shell_complete=_codes)
@click.argument("schedule", metavar="[dba1:...]", required=False)
@click.option("--list", "listed", is_flag=True, help="List all codes, as without CODE.")
@options.max_steps
@options.as_json
@click.pass_context
def command(context: click.Context, *, what: str | None, schedule: str | None, listed: bool, max_steps: int) -> int:
    """Tell what the finding CODE means: what happened, the rule, the smallest scenario, the usual cure.

    With a SCENARIO and the schedule dba1:..., tell the story of that execution: what happened, the order that matters,
    the rule, the usual cure. Without anything, all codes are listed.
    """
    from dmabuf_async.checkers.catalogue import CODES, page, summary

    console = options.console(context)
    if schedule is not None and what is not None:
        return _story(console, what, schedule, max_steps)
    if max_steps != MAX_STEPS:
        raise click.UsageError("--max-steps is of no use without a schedule. Leave it out.", context)
    if what is not None and what not in CODES:
        if what.endswith((".toml", ".py")) or ".py:" in what:
            raise click.UsageError(
                f"{what} is a scenario: name the execution, too, as in 'dmabuf-async explain {what} dba1:...'", context
            )
        raise click.UsageError(unknown("code", what, CODES, "'dmabuf-async explain' lists them all"), context)
    chosen = CODES if what is None or listed else (what,)
    if console.as_json:
        from dmabuf_async.report.jsonl import page_line

        for one in chosen:
            console.line(page_line(one, page(one)))
    elif what is None or listed:
        widest = max(map(len, CODES))
        for one in sorted(CODES):
            console.line(f"{one:{widest}}  {summary(page(one))}")
    else:
        _printed(console, page(what))
    return exits.AS_EXPECTED


def _story(console: Console, scenario: str, schedule: str, max_steps: int) -> int:
    """Tell what the execution shows first; the exit code says whether that is anything."""
    from dmabuf_async.cli.execution import foremost
    from dmabuf_async.explore.execution import perform
    from dmabuf_async.explore.replaying import strategy_for
    from dmabuf_async.explore.single import single
    from dmabuf_async.report.explanation import explanation
    from dmabuf_async.report.story import explained
    from dmabuf_async.trace.schedule import decode

    decode(schedule)  # a slip of the mouse is told before anything that the scenario may have
    program = options.loaded(scenario)
    shown = perform(single(program, strategy_for(program, schedule), max_steps=max_steps))
    finding = foremost(program, shown)
    if shown.verdict.interrupted:
        return shown.verdict.exit_code
    if finding is None:
        console.complain(f"{program.name}: this execution shows no finding, so that there is nothing to explain")
        return exits.FOUND
    execution = shown.execution
    reason = explained(program, execution, finding, max_steps=max_steps)
    replay = partial(commands.replay, program.name, max_steps=max_steps)
    text = explanation(
        program, execution, finding, reason, replay, width=min(console.width - 2 * console.is_styled, _WIDEST)
    )
    if console.as_json:
        from dmabuf_async.report.jsonl import explanation_line

        console.line(explanation_line(program.name, execution.schedule, finding.code, text))
    else:
        _printed(console, text)
    return exits.AS_EXPECTED


def _printed(console: Console, text: str) -> None:
    """Markdown: set, where colours are wanted, or as it is."""
    if console.is_styled:
        from rich.markdown import Markdown

        console.render(Markdown(text))
    else:
        console.line(text.rstrip("\n"))
