"""The command line: what each verb's ``--help`` says, and the exit codes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise

import click

from dmabuf_async.cli import exits
from dmabuf_async.cli.verbs import verbs as group
from docs.generated.tables import marked, table

WIDTH = 100


def verbs() -> str:
    """A section for each verb, with its help."""
    return "\n".join(_sections(group, "dmabuf-async"))


def _sections(command: click.Group, path: str) -> Iterator[str]:
    with click.Context(command, info_name=path) as context:
        for name in command.list_commands(context):
            verb = command.get_command(context, name)
            assert verb is not None
            where = f"{path} {name}"
            level = "#" * len(where.split())
            with click.Context(verb, info_name=where, max_content_width=WIDTH, terminal_width=WIDTH) as inner:
                yield f"{level} {where.partition(' ')[2]}\n\n```text\n{verb.get_help(inner)}\n```\n"
            if isinstance(verb, click.Group):
                yield from _sections(verb, where)


def exit_codes() -> str:
    """A table of them, as ``cli.exits`` has them."""
    body = ast.parse(inspect.getsource(exits)).body
    said: dict[str, str] = {}
    for node, after in pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant) and isinstance(after, ast.Expr):
            assert isinstance(after.value, ast.Constant)
            said[str(node.value.value)] = marked(" ".join(str(after.value.value).split()))
    return table(("exit code", "what it means"), [(f"`{code}`", words) for code, words in said.items()])
