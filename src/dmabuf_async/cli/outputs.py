"""Where a campaign writes its verdicts beside the terminal: ``--junit FILE``, ``--sarif FILE``, ``--github``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from dmabuf_async.cli import exits, options

if TYPE_CHECKING:
    from dmabuf_async.campaign.sink import Sink
    from dmabuf_async.cli.campaign import Campaign
    from dmabuf_async.explore.verdict import Verdict
    from dmabuf_async.report.reasons import Reason

Command = TypeVar("Command", bound=Callable[..., Any])

_META: Final = "dmabuf_async.outputs."


def _kept(context: click.Context, parameter: click.Parameter, value: object) -> None:
    context.meta[f"{_META}{parameter.name}"] = value


def outputs(command: Command) -> Command:
    """The options that name them; :func:`explored` reads what they say."""
    file: dict[str, Any] = {"type": options.WRITTEN, "metavar": "FILE"}
    more: dict[str, Any] = {"expose_value": False, "callback": _kept}
    for option in (
        click.option(
            "--github/--no-github",
            default=None,
            help="Annotate the lines of scenarios as GitHub reads it.  [default: if GITHUB_ACTIONS is true]",
            **more,
        ),
        click.option("--sarif", help="Write the verdicts as SARIF 2.1.0.", **file, **more),
        click.option("--junit", help="Write the verdicts as JUnit XML.", **file, **more),
    ):
        command = option(command)
    return command


def explored(context: click.Context, campaign: Campaign, paths: Sequence[str]) -> int:
    """Let a campaign explore the paths, and write its verdicts to where the options say; the exit code."""
    from dmabuf_async.report.github import github

    junit, sarif, wanted = (context.meta[f"{_META}{name}"] for name in ("junit", "sarif", "github"))
    if wanted is None:
        wanted = os.environ.get("GITHUB_ACTIONS") == "true"
    if junit is not None and junit == sarif:
        raise click.UsageError(f"--junit and --sarif both name {junit}: give each a file of its own", context)
    campaign.keeps_stories = sarif is not None
    files = {option: path for option, path in (("--junit", junit), ("--sarif", sarif)) if path is not None}
    with ExitStack() as stack:
        sinks = {option: stack.enter_context(_sink(context, option, path)) for option, path in files.items()}
        code = campaign.explore(paths)
        for option, sink in sinks.items():
            text = campaign.junit() if option == "--junit" else campaign.sarif(_place, code)
            try:
                sink.write(text)
            except OSError as error:
                raise _unwritten(context, option, files[option], error) from error
    if wanted:
        for line in github(campaign.verdicts, campaign.replay, _place):
            campaign.console.aside(f"{line}\n")  # stdout holds results only, and the runner reads both
    if campaign.unwritten and code != exits.INTERRUPTED:
        raise click.UsageError(campaign.unwritten, context)
    return code


def _sink(context: click.Context, option: str, path: Path) -> Sink:
    from dmabuf_async.campaign.sink import Sink

    try:
        return Sink(path)
    except OSError as error:
        raise _unwritten(context, option, path, error) from error


def _unwritten(context: click.Context, option: str, path: Path, error: OSError) -> click.UsageError:
    return click.UsageError(f"{option}: {path} cannot be written ({error.strerror})", context)


def _place(verdict: Verdict, reason: Reason) -> tuple[str, int]:
    """The file and the line that a reason is put beside: as seen from the root of the checkout, if that is known."""
    from dmabuf_async.scenario.places import file_of, line_of

    path, _ = file_of(verdict.scenario)
    said = re.match(r":(\d+)", reason.message.removeprefix(path)) if reason.message.startswith(path) else None
    if said:
        line = int(said[1])  # what is wrong with a scenario is told with its line
    elif reason.failure is not None:
        line = line_of(verdict.scenario, reason.failure.finding.signature)
    else:
        line = line_of(verdict.scenario) if reason.tag == "failure" else 1
    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links in it stay what they are
    return (absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else path), line
