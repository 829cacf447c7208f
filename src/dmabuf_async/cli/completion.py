"""``dmabuf-async completion``: the script by which a shell completes verbs, options, codes and files."""

from __future__ import annotations

import click

from dmabuf_async.cli import options
from dmabuf_async.cli.main import COMPLETE, PROGRAM
from dmabuf_async.cli.verbs import Verb, verbs


@click.command("completion", cls=Verb, short_help="print the completion script of a shell")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
@options.as_json
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script for SHELL; write it to where that looks for such.

    \b
    bash  ~/.local/share/bash-completion/completions/dmabuf-async
    zsh   "${fpath[1]}/_dmabuf-async"
    fish  ~/.config/fish/completions/dmabuf-async.fish
    """  # noqa: D301 - it is the mark by which click leaves lines as they are
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # click knows these three
    script = kind(verbs, {}, PROGRAM, COMPLETE).source()
    console = options.console(context)
    if console.as_json:
        from dmabuf_async.report.jsonl import completion_line

        script = completion_line(shell, script)
    console.line(script.rstrip("\n"))
    return 0
