"""The verbs: each lies in a module of its own, which is loaded when it is typed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

import click

from dmabuf_async._version import __version__
from dmabuf_async.cli import front
from dmabuf_async.cli.console import lost


class Verb(click.Command):
    """A verb. While it works, what Python scenarios print goes to stderr: stdout holds results only."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except OSError as error:  # --help is written while arguments are read
            raise lost(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        with redirect_stdout(sys.stderr):
            return super().invoke(ctx)


class Nouns(click.Group):
    """A verb that has verbs of its own."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(unknown("verb", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)


class Verbs(Nouns):
    """The group of all verbs; its help is the front page."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(front.VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in front.VERBS:
            return None
        command: click.Command = import_module(f"dmabuf_async.cli.{cmd_name}").command
        return command

    def get_help(self, ctx: click.Context) -> str:
        return front.PAGE.rstrip("\n")


def unknown(kind: str, word: str, known: Iterable[str], more: str = "") -> str:
    """There is no such word; the nearest one, if one is near; and where to find ``more``."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), 1)
    end = f", did you mean {near[0]!r}?" if near else ";" * bool(more)
    return f"there is no {kind} {word!r}{end}{more and f' {more}'}"


verbs = click.version_option(__version__, prog_name="dmabuf-async", message="%(prog)s %(version)s")(
    Verbs("dmabuf-async", no_args_is_help=True)
)
