"""The pytest plugin: scenario files are tests, and an async test can be explored instead of run once.

``pytest scenarios/`` collects scenario files: each is sampled, and passes if what comes is what it expects. A test
that is marked becomes an exploration within one test item::

    @pytest.mark.explore(strategy="dpor")
    async def test_no_update_is_lost(dmabuf): ...

``dmabuf`` is the machine, a new one for each execution, and the test its first task. A plain ``def`` furnishes the
machine with tasks instead. Nothing of this package is loaded before one of the two is there.
"""

from __future__ import annotations

import hashlib
import inspect
import shlex
import tomllib
from collections.abc import Callable, Generator, Iterator
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dmabuf_async.report.exploration import Exploration
    from dmabuf_async.scenario.program import Program

MARK = "explore"
FIXTURE = "dmabuf"
OPTION = "--dmabuf-replay"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that replays."""
    parser.getgroup("dmabuf_async").addoption(
        OPTION,
        metavar="dba1:...",
        help="show the execution of this schedule again, of those selected tests and scenarios that it fits",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(strategy='portfolio', executions=500, seed=0, preemptions=None, faults=None, seconds=inf): explore "
        f"the interleavings of a test that takes the fixture {FIXTURE} (dmabuf_async)",
    )


# Marked tests --------------------------------------------------------------------


@pytest.fixture
def dmabuf(request: pytest.FixtureRequest) -> object:
    """The simulated machine of a test that is marked with ``@pytest.mark.explore``."""
    if request.node.get_closest_marker(MARK) is None:
        pytest.fail(
            f"the fixture {FIXTURE} is the machine of an exploration, and this test is none: write @pytest.mark.{MARK} "
            "above it",
            pytrace=False,
        )
    return None  # each execution has a machine of its own


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Put explorations in the place of tests, before plugins that run async tests see that they are async.

    Wrappers that come last stand innermost: theirs are given what this one returns.
    """
    made = yield
    for item in made if isinstance(made, list) else [made]:
        mark = item.get_closest_marker(MARK) if isinstance(item, pytest.Function) else None
        if mark is not None:
            item.obj = _explored(item, item.obj, mark)
    return made


def _explored(item: pytest.Function, test: Callable[..., Any], mark: pytest.Mark) -> Callable[..., None]:
    @wraps(test)
    def explored(*arguments: Any, **fixtures: Any) -> None:
        if FIXTURE not in fixtures:
            pytest.fail(f"an explored test takes the fixture {FIXTURE}: it is the machine", pytrace=False)
        program = _program(item, test, arguments, fixtures)
        _decide(item, program, mark)

    return explored


def _program(item: pytest.Function, test: Callable[..., Any], arguments: Any, fixtures: dict[str, Any]) -> Program:
    from dmabuf_async.scenario.python import from_function

    def furnish(machine: Any) -> None:
        given = {**fixtures, FIXTURE: machine}
        if inspect.iscoroutinefunction(test):

            async def body() -> None:
                await test(*arguments, **given)

            machine.task("test", body)
        else:
            test(*arguments, **given)

    furnish.__name__ = item.name
    identity = f"{item.nodeid}\n{inspect.getsource(test)}".encode()
    return from_function(furnish, item.nodeid, hashlib.sha256(identity).digest())


# Scenario files ------------------------------------------------------------------


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenario files, and no other TOML."""
    if file_path.suffix == ".toml" and file_path.name != "pyproject.toml" and _is_scenario(file_path):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def _is_scenario(path: Path) -> bool:
    """Whether it is meant as one: it has tasks, or is none yet but says so where a scenario begins."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    if b"tasks" not in content:
        return False
    try:
        return isinstance(tomllib.loads(content.decode()).get("tasks"), list)
    except ValueError:
        return b"[[tasks]]" in content


class ScenarioFile(pytest.File):
    """A scenario file, which is one test."""

    def collect(self) -> Iterator[pytest.Item]:
        yield ScenarioItem.from_parent(self, name="scenario")


class ScenarioItem(pytest.Item):
    """It passes if sampling shows what the scenario expects, and nothing else."""

    def runtest(self) -> None:
        from dmabuf_async.errors import ScenarioError
        from dmabuf_async.scenario.catalogue import load

        try:
            program: Program | str = load(str(_near(self.path)))
        except ScenarioError as error:
            program = str(error)
        _decide(self, program, None)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"scenario {_near(self.path)}"


def _near(path: Path) -> Path:
    """The path as somebody would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


# Both ----------------------------------------------------------------------------


def _decide(item: pytest.Item, program: Program | str, mark: pytest.Mark | None) -> None:
    """Explore or replay, and fail as is due; what broke has a section of its own. A text is why it can't be."""
    schedule = item.config.getoption(OPTION)
    exploration = program if isinstance(program, str) else _explore(program, schedule, mark)
    if isinstance(exploration, str):
        pytest.fail(exploration, pytrace=False)
    if schedule is not None or exploration.verdict.exit_code:
        _tell(item, exploration)
    if exploration.verdict.exit_code:
        pytest.fail(exploration.summary, pytrace=False)


def _explore(program: Program, schedule: str | None, mark: pytest.Mark | None) -> Exploration | str:
    """What came of it, or why there is none."""
    from dmabuf_async.errors import DmabufAsyncError, ReplayDiverged
    from dmabuf_async.report.exploration import explore, replayed
    from dmabuf_async.trace.schedule import decode, digest_text

    try:
        if schedule is None:
            return explore(program, *(mark.args if mark else ()), **(mark.kwargs if mark else {}))
        if decode(schedule).digest != digest_text(program.digest):
            pytest.skip(f"{OPTION}: this schedule is of another test or scenario, or from before this one was changed")
        return replayed(program, schedule)
    except TypeError as error:
        if mark is None or "explore()" not in str(error):
            raise
        return f"@pytest.mark.{MARK}: {error}"
    except ReplayDiverged as error:
        return f"{OPTION}: {error}"
    except DmabufAsyncError as error:
        return str(error)


def _tell(item: pytest.Item, exploration: Exploration) -> None:
    def command(schedule: str) -> str:
        return f"pytest {shlex.quote(item.nodeid.removesuffix('::scenario'))} {OPTION} {schedule}"

    item.add_report_section("call", "dmabuf_async", exploration.text(command))
