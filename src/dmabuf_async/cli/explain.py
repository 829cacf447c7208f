"""``dmabuf-async explain``: what a finding means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.verbs import Verb, unknown

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def _codes(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from dmabuf_async.checkers.catalogue import CODES

    return [CompletionItem(code) for code in CODES if code.startswith(incomplete)]


@click.command("explain", cls=Verb, short_help="tell what a finding means, which rule it breaks, and the cure")
@click.argument("code", required=False, shell_complete=_codes)
@click.option("--list", "listed", is_flag=True, help="List all codes, as without CODE.")
@options.as_json
@click.pass_context
def command(context: click.Context, *, code: str | None, listed: bool) -> int:
    """Tell what the finding CODE means: what happened, the rule, the smallest scenario, the usual cure.

    Without CODE, all codes are listed.
    """
    from dmabuf_async.checkers.catalogue import CODES, page, summary

    console = options.console(context)
    if code is not None and code not in CODES:
        raise click.UsageError(f"{unknown('code', code, CODES)}; 'dmabuf-async explain' lists them all", context)
    chosen = CODES if code is None or listed else (code,)
    if console.as_json:
        from dmabuf_async.report.jsonl import page_line

        for one in chosen:
            console.line(page_line(one, page(one)))
    elif code is None or listed:
        widest = max(map(len, CODES))
        for one in sorted(CODES):
            console.line(f"{one:{widest}}  {summary(page(one))}")
    elif console.is_styled:
        from rich.markdown import Markdown

        console.render(Markdown(page(code)))
    else:
        console.line(page(code).rstrip("\n"))
    return 0
