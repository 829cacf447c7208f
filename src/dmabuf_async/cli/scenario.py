"""``dmabuf-async scenario``: list scenarios, show, reduce or begin one, print the JSON Schema of their files."""

from __future__ import annotations

from pathlib import Path

import click

from dmabuf_async.cli import exits, options
from dmabuf_async.cli.verbs import Nouns, Verb, unknown

FOLDER = "scenarios"
"""Where scenarios are looked for if nothing is said."""


@click.group(
    "scenario",
    cls=Nouns,
    no_args_is_help=True,
    short_help="list scenarios, show, reduce or begin one, print the JSON Schema",
)
def command() -> None:
    """List scenarios, show one, reduce one to what a finding needs, begin a new one, print the JSON Schema of them."""


@command.command("list", cls=Verb, short_help="list the scenarios in files and folders")
@click.argument("paths", type=options.paths, metavar="[PATH]...", nargs=-1, shell_complete=options.files)
@options.as_json
@click.pass_context
def listed(context: click.Context, paths: tuple[str, ...]) -> int:
    """List the scenarios in the files and folders PATH, by default in the folder "scenarios"."""
    from dmabuf_async.cli.shelf import Shelf
    from dmabuf_async.errors import ScenarioError
    from dmabuf_async.report.jsonl import scenario_line
    from dmabuf_async.scenario import catalogue

    console = options.console(context)
    shelf = Shelf(console)
    codes = [exits.AS_EXPECTED]
    for path in paths or (FOLDER,):
        try:
            names = catalogue.find([path])
        except ScenarioError as error:
            console.complain(str(error))
            codes.append(exits.INVALID)
            continue
        for name in names:
            try:
                program = catalogue.load(name)
            except ScenarioError as error:
                console.flush()
                console.complain(str(error))
                codes.append(exits.INVALID)
                continue
            if console.as_json:
                console.line(scenario_line(program))
            else:
                shelf.add(program)
    return exits.first_that_applies(codes)


@command.command("show", cls=Verb, short_help="show one in words, defaults and all")
@options.scenario
@options.as_json
@click.pass_context
def show(context: click.Context, scenario: str) -> int:
    """Show what SCENARIO says, with the defaults that it leaves out: machine, buffers, tasks, what is expected."""
    import msgspec

    from dmabuf_async.cli.scroll import of_file, of_python
    from dmabuf_async.report.jsonl import scenario_line

    console = options.console(context)
    program = options.loaded(scenario)
    document = options.document(scenario)
    if console.as_json:
        plain = None if document is None else msgspec.to_builtins(document)
        console.line(scenario_line(program, document=plain))
    else:
        console.lines(
            of_python(program, console.width) if document is None else of_file(program, document, console.width)
        )
    return exits.AS_EXPECTED


@command.command("reduce", cls=Verb, short_help="print what is left of one that its finding needs")
@options.scenario
@click.argument("schedule", metavar="[dba1:...]", required=False)
@click.option("--code", metavar="CODE", help="Reduce to the first finding of this code.")
@click.option(
    "-o",
    "--output",
    type=options.WRITTEN,
    metavar="FILE",
    help="Write the scenario to this file, which must not be there yet, instead of printing it.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option(
    "--time",
    "seconds",
    type=options.Positive(),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Take the smallest that was found by then.",
)
@options.max_steps
@options.as_json
@click.pass_context
def reduce(
    context: click.Context,
    *,
    scenario: str,
    schedule: str | None,
    code: str | None,
    output: Path | None,
    force: bool,
    seconds: float,
    max_steps: int,
) -> int:
    """Print what is left of SCENARIO when all goes that its finding does not need.

    The finding is the one that the schedule dba1:... shows, or the first of CODE, or the first of all, an unexpected
    one before others. Tasks go, steps, what nobody uses, and sizes, as long as the same finding comes, and none of
    another kind. The result is a scenario file that expects this finding, with the line that replays it.
    """
    from dmabuf_async.checkers.catalogue import CODES
    from dmabuf_async.cli.reducing import Target, run

    if schedule is not None and code is not None:
        raise click.UsageError("a schedule says which finding is meant: leave out --code", context)
    if code is not None and code not in CODES:
        raise click.UsageError(unknown("code", code, CODES, "'dmabuf-async explain' lists them all"), context)
    if force and output is None:
        raise click.UsageError("--force is about the file of --output: name one", context)
    return run(context, scenario, Target(schedule, code), output, force=force, seconds=seconds, max_steps=max_steps)


@command.command("new", cls=Verb, short_help="print one to begin with")
@options.as_json
@click.pass_context
def new(context: click.Context) -> int:
    """Print a scenario to begin with: save it as a file, check it, and change it."""
    from dmabuf_async.cli.beginning import TEMPLATE
    from dmabuf_async.report.jsonl import new_line

    console = options.console(context)
    console.line(new_line(TEMPLATE) if console.as_json else TEMPLATE.rstrip("\n"))
    return exits.AS_EXPECTED


@command.command("schema", cls=Verb, short_help="print the JSON Schema of scenario files")
@click.option("--lines", is_flag=True, help="Print that of the lines of --json and --trace jsonl instead.")
@options.as_json
@click.pass_context
def schema(context: click.Context, *, lines: bool) -> int:
    """Print the JSON Schema of scenario files, for editors; with --json on one line, as a report."""
    import json

    from dmabuf_async.report import jsonl_schema
    from dmabuf_async.report.jsonl import schema_line
    from dmabuf_async.scenario.json_schema import json_schema

    console = options.console(context)
    found = jsonl_schema.json_schema() if lines else json_schema()
    console.line(schema_line(found) if console.as_json else json.dumps(found, indent=2))
    return exits.AS_EXPECTED
