"""``scenario reduce``: what is left of a file when all goes that a finding does not need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from dmabuf_async.campaign.sink import Sink
from dmabuf_async.cli import commands, exits, options
from dmabuf_async.cli.execution import foremost
from dmabuf_async.cli.interrupts import noted
from dmabuf_async.cli.progress import Progress
from dmabuf_async.errors import ScenarioError
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.reducing import Reduced, kind_of, reduce
from dmabuf_async.explore.replaying import strategy_for
from dmabuf_async.explore.shrinking import INTERRUPTED
from dmabuf_async.explore.single import single
from dmabuf_async.scenario.writing import toml

if TYPE_CHECKING:
    from dmabuf_async.trace.events import Finding


class Target(NamedTuple):
    """Which finding is meant: that of a schedule, or the first of a code, or the first of all."""

    schedule: str | None
    code: str | None


def run(
    context: click.Context,
    name: str,
    target: Target,
    output: Path | None,
    *,
    force: bool,
    seconds: float,
    max_steps: int,
) -> int:
    """Reduce the scenario in the file ``name``, and print it or write it to ``output``; the exit code."""
    console = options.console(context)
    program = options.loaded(name)
    document = options.document(name)
    if document is None:
        raise ScenarioError(f"{name}: only scenario files can be reduced, and this one is written in Python")
    choices: Sequence[int] | None = None
    wanted: Callable[[Finding], bool] = partial(_is_of, target.code)
    if target.schedule is not None:
        shown = perform(single(program, strategy_for(program, target.schedule), max_steps=max_steps))
        finding = foremost(program, shown)
        if finding is None:
            console.complain(f"{name}: this schedule shows no finding, so that there is nothing to reduce it to")
            return exits.FOUND
        choices, wanted = shown.execution.choices, partial(_is_as, kind_of(finding))
    with _place(context, output, force=force) as write:
        with Progress(console, 1) as progress, noted() as look:
            draw = progress.shrinking(name)

            def show(words: str) -> None:
                draw(words)
                look()

            reduced = reduce(document, name, wanted, choices=choices, seconds=seconds, max_steps=max_steps, show=show)
        if reduced is None:
            missing = "nothing" if target.code is None else f"no {target.code}"
            console.complain(f"{name}: {missing} was found in it, so that there is nothing to reduce it to")
            return exits.FOUND
        text = _text(name, output, reduced, max_steps)
        write(text)
    if console.as_json:
        from dmabuf_async.report.jsonl import reduced_line

        console.line(reduced_line(name, reduced, text))
    elif output is None:
        console.line(text.rstrip("\n"))
    else:
        console.line(f"{output}: {_outcome(reduced)}")
        console.line(commands.replay(str(output), reduced.shrunk.schedule, max_steps=max_steps))
    return exits.INTERRUPTED if reduced.bound == INTERRUPTED else exits.AS_EXPECTED


def _is_of(code: str | None, finding: Finding) -> bool:
    return code is None or finding.code == code


def _is_as(kind: tuple[str, ...], finding: Finding) -> bool:
    return kind_of(finding) == kind


def _outcome(reduced: Reduced) -> str:
    stopped = f"; {reduced.bound}, there may be less" if reduced.bound else ""
    return f"{reduced.shrunk.finding.code} with {reduced.shrunk} ({reduced.tried:,} smaller ones tried{stopped})"


def _text(name: str, output: Path | None, reduced: Reduced, max_steps: int) -> str:
    """The file: where it comes from and how to replay it are comments."""
    place = "FILE" if output is None else str(output)
    replay = commands.replay(place, reduced.shrunk.schedule, max_steps=max_steps)
    return f"# Reduced from {commands.quoted(name)}: {_outcome(reduced)}.\n# {replay}\n\n{toml(reduced.scenario)}"


@contextmanager
def _place(context: click.Context, output: Path | None, *, force: bool) -> Iterator[Callable[[str], None]]:
    """What writes the text to its file, if there is one: whether it can is known before the work."""
    if output is None:
        yield lambda _: None
        return
    if output.is_file() and not force:
        raise click.UsageError(f"--output: {output} is there already: name another file, or say --force", context)
    try:
        sink = Sink(output)
    except OSError as error:
        raise click.UsageError(f"--output: {output} cannot be written ({error.strerror})", context) from error

    def write(text: str) -> None:
        try:
            sink.write(text)
        except OSError as error:
            raise click.UsageError(f"--output: {output} cannot be written ({error.strerror})", context) from error

    with sink:
        yield write
