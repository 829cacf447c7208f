"""Options that several verbs have."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dmabuf_async.engine import ENGINES, MAX_STEPS
from dmabuf_async.strategies import DELAYS, DEPTH, SAMPLING, SINGLE

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dmabuf_async.campaign.corpus import Corpus
    from dmabuf_async.cli.console import Console
    from dmabuf_async.explore.accepted import Accepted
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.scenario.schema import Scenario
    from dmabuf_async.strategies.base import Strategy

MOST_STEPS = 1_000_000


def files(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completion of a scenario: the shell knows files best."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _json(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    context.obj.as_json = wanted


class Positive(click.FloatRange):
    """A number above 0. NaN is refused, too: no comparison with it says anything."""

    def __init__(self) -> None:
        super().__init__(0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if isnan(number):
            self.fail(f"{value} is not in the range {self._describe_range()}", param, ctx)
        return number


class Place(click.Path):
    """A path, as ``kind``, that names ``what``. An empty one, which Python takes for the current folder, is refused.

    So is ``-``, if it is to be ``written`` beside what goes to standard output.
    """

    def __init__(self, what: str, kind: type[Path | str] = Path, *, written: bool = False) -> None:
        super().__init__(path_type=kind)
        self._what = what
        self._written = written

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        where = f"{param.opts[0]}: " if isinstance(param, click.Option) else ""
        if value == "":
            raise click.UsageError(f"{where}the path is empty: name {self._what}", ctx)
        if value == "-" and self._written:
            raise click.UsageError(f"{where}- would be standard output, which is taken: name {self._what}", ctx)
        return super().convert(value, param, ctx)


FILE = Place("a file")
WRITTEN = Place("a file", written=True)
scenario = click.argument("scenario", type=Place("a scenario", str), shell_complete=files)
paths = Place("a scenario, or a folder of them, such as . for this one", str)
schedule = click.option("--schedule", metavar="dba1:...", help="Give the answers of this schedule, then be calm.")
engine = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="inline",
    show_default=True,
    help="What resumes the tasks; the trace is the same on each.",
)
seed = click.option("--seed", type=int, default=0, show_default=True, help="Seed of the dice.")
strategy = click.option(
    "--strategy",
    type=click.Choice(SINGLE),
    default="random",
    show_default=True,
    help="Who decides: nobody is preempted and nothing fails (calm), or dice, each in its way.",
)
sampling = click.option(
    "--strategy",
    type=click.Choice(SAMPLING),
    default="portfolio",
    show_default=True,
    help="Who decides: one way to throw dice, or several in turn.",
)
depth = click.option(
    "--depth",
    type=click.IntRange(1),
    metavar="D",
    help=f"Of pct: ordering constraints of the bug that is looked for.  [default: {DEPTH}]",
)
delays = click.option(
    "--delays",
    type=click.IntRange(0),
    metavar="N",
    help=f"Of delay: at how many places the next in turn is passed over, at most.  [default: {DELAYS}]",
)
max_steps = click.option(
    "--max-steps",
    type=click.IntRange(1, MOST_STEPS),
    default=MAX_STEPS,
    show_default=True,
    metavar="N",
    help="Cut an execution after so many steps.",
)
jobs = click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Explore so many scenarios at a time, each in a process of its own.",
)
no_shrink = click.option(
    "--no-shrink", is_flag=True, help="Show an execution as it was found, not the least that shows the same."
)
known = click.option(
    "--known",
    type=FILE,
    metavar="FILE",
    help="Findings that are accepted, one a line, as the line 'accept' below a finding has it.",
)
corpus = click.option(
    "--corpus",
    type=Place("a folder, such as . for this one"),
    metavar="DIR",
    help="Replay first what is remembered in DIR, and remember there what is found.",
)
every = click.option("--all", "every", is_flag=True, help="Show all steps, not only those that matter.")
as_json = click.option(
    "--json",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_json,
    help="One JSON object a line, for programs.",
)


def chosen(context: click.Context, strategy: str, seed: int, **own: int | None) -> Strategy:
    """The strategy that the options name, ``own`` being those that only some have. Refuses what it would ignore."""
    from dmabuf_async.strategies import catalogue

    for option, value in own.items():
        owners = catalogue.OWN[option]
        if value is not None and strategy not in owners:
            raise click.UsageError(
                f"--{option} is of no use to --strategy {strategy}: it belongs to {' and '.join(owners)}. "
                f"Leave it out, or say --strategy {owners[0]}.",
                context,
            )
    if strategy == "calm" and _given(context, "seed"):
        raise click.UsageError(
            "--seed is of no use to --strategy calm, which throws no dice. Leave it out, or say --strategy random.",
            context,
        )
    return catalogue.strategy(strategy, seed, **own)


def scheduled(context: click.Context) -> None:
    """A schedule gives all answers: refuse the options that say who else should."""
    for option in ("strategy", "seed", "depth", "delays"):
        if _given(context, option):
            raise click.UsageError(
                f"--{option} is of no use beside a schedule, which gives all answers. Leave out one of the two.",
                context,
            )


def _given(context: click.Context, option: str) -> bool:
    return context.get_parameter_source(option) is click.core.ParameterSource.COMMANDLINE


def loaded(name: str) -> Program:
    """The scenario that an argument names. Raises ScenarioError."""
    from dmabuf_async.scenario import catalogue

    return catalogue.load(name)


def document(name: str) -> Scenario | None:
    """What a scenario file says, every default spelled out; None for one written in Python. Raises ScenarioError."""
    from dmabuf_async.checkers.catalogue import CODES
    from dmabuf_async.drivers.catalogue import DEFECTS
    from dmabuf_async.scenario.load import load_scenario

    if name.endswith(".py") or name.rpartition(":")[0].endswith(".py"):
        return None
    return load_scenario(Path(name), defects=DEFECTS, codes=CODES)


def remembered(context: click.Context, folder: Path | None) -> Corpus | None:
    """The corpus in the folder that --corpus names."""
    from dmabuf_async.campaign.corpus import Corpus, Unusable

    if folder is None:
        return None
    try:
        return Corpus(folder)
    except Unusable as error:
        raise click.UsageError(f"--corpus: {error}", context) from error


def accepted(context: click.Context, path: Path | None) -> Accepted:
    """What the file accepts that --known names."""
    from dmabuf_async.explore.accepted import Accepted, Malformed

    if path is None:
        return Accepted()
    try:
        return Accepted(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise click.UsageError(f"--known: {path} cannot be read ({error.strerror})", context) from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"--known: {path} is no text in UTF-8, as is expected", context) from error
    except Malformed as error:
        raise click.UsageError(f"--known: {path}: {error}", context) from error


def console(context: click.Context) -> Console:
    """The console of this command line."""
    found: Any = context.find_root().obj
    return found  # type: ignore[no-any-return]  # what main put there
