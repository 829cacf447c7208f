"""The plugin in a real run of pytest, of another project."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.plugins import ALONE, without

ROOT = Path(__file__).parents[1]

TESTS = """
import pytest
from dmabuf_async import Group


async def increment(cell):
    value = await cell.load_acquire()
    await cell.store_release(value + 1)


async def twice(machine, cell):
    async with Group() as group:
        await group.spawn(increment, cell)
        await group.spawn(increment, cell)


@pytest.mark.explore{options}
async def test_no_update_is_lost(dmabuf):
    cell = dmabuf.cell("count")
    await twice(dmabuf, cell)
    assert await cell.load_acquire() == 2
"""

RIGHT = """
import pytest


@pytest.fixture
def start():
    return 40


async def increment(cell):
    await cell.add(1)


@pytest.mark.explore("dpor")
@pytest.mark.parametrize("more", [1, 2])
async def test_is_counted(dmabuf, start, more):
    cell = dmabuf.cell("count", start)
    await increment(cell)
    assert await cell.load_acquire() == start + 1


class TestFurnished:
    @pytest.mark.explore(preemptions=2)
    def test_by_a_plain_function(self, dmabuf, tmp_path):
        cell = dmabuf.cell("count")
        dmabuf.task("a", increment, cell)
        dmabuf.task("b", increment, cell)
"""


class Run:
    """A project of its own, and pytest in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pytest.ini").write_text("[pytest]\n")

    def file(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def pytest(self, *arguments: str, plugins: Sequence[str] = ALONE) -> tuple[int, str]:
        command = [sys.executable, "-m", "pytest", *plugins, *arguments]
        made = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.folder, timeout=120)
        return made.returncode, made.stdout + made.stderr


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_marked_test_is_explored_and_its_failure_shows_lanes_and_a_line_that_replays_it(run: Run) -> None:
    run.file("test_it.py", TESTS.format(options=""))
    code, told = run.pytest()
    assert code == 1
    assert "\nassertion found; refuted, 500 executions\n" in told
    section = told.partition("- Captured dmabuf_async call -")[2]
    assert re.search(r"test \(cpu0\) +test/0 \(cpu0\) +test/1 \(cpu0\)", section)
    assert "assert 1 == 2" in section, "as pytest rewrites it"
    assert "  why      it hangs on this order: " in section
    line = re.search(r"  replay   pytest (test_it.py::test_no_update_is_lost) (--dmabuf-replay) (dba1:\S+)", section)
    assert line is not None
    code, again = run.pytest(*line.groups())
    assert code == 1
    assert "\nassertion found; refuted, 1 execution\n" in again
    passes = re.search(r"  passes   .*\n +pytest (\S+) (\S+) (dba1:\S+)", section)
    assert passes is not None
    code, shown = run.pytest("-rP", *passes.groups())
    assert code == 0
    assert "nothing found; replayed, 1 execution" in shown


MEANT = ["('random', executions=50, seed=3)", "(strategy='graph')", "(preemptions=1)", "(strategy='both')"]
MEANINGLESS = {
    "(strategy='pvt')": "there is no strategy 'pvt': take one of random",
    "(executons=3)": "@pytest.mark.explore: explore() got an unexpected keyword argument 'executons'",
    "('dpor', seed=1)": "the search 'dpor' would ignore seed",
    "(executions=0)": "executions is 0, and a whole number from 1 up was expected",
    "(preemptions='1')": "preemptions is '1', and a whole number from 0 up was expected",
    "(seed=1.5)": "seed is 1.5, and a whole number was expected",
    "(seconds=None)": "seconds is None, and a number above 0 was expected",
}


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What pytest tells of a test with each of these marks, all in one run; all fail."""
    run, told = Run(tmp_path_factory.mktemp("marked")), {}
    names = {f"test_marked_{number}": options for number, options in enumerate((*MEANT, *MEANINGLESS))}
    for name, options in names.items():
        run.file(f"{name}.py", TESTS.format(options=options).replace("test_no_update_is_lost", name))
    code, said = run.pytest()
    assert code == 1
    assert re.search(rf"^=+ {len(names)} failed in ", said, re.MULTILINE)
    for section in re.split(
        r"^_+ (?=test_marked_\d+ _+$)", said.partition("short test summary")[0], flags=re.MULTILINE
    ):
        told[names.get(section.partition(" ")[0], "")] = section
    return told


@pytest.mark.parametrize("options", MEANT)
def test_the_mark_says_how_it_is_explored(marked: dict[str, str], options: str) -> None:
    assert "\nassertion found; refuted" in marked[options]


@pytest.mark.parametrize("options", MEANINGLESS)
def test_a_mark_that_cannot_be_meant_is_one_paragraph(marked: dict[str, str], options: str) -> None:
    assert f"\n{MEANINGLESS[options]}" in marked[options]
    assert "Traceback" not in marked[options]


def test_fixtures_parameters_methods_and_plain_functions_do_as_ever(run: Run) -> None:
    run.file("test_right.py", RIGHT)
    code, told = run.pytest("-v")
    assert code == 0
    assert "test_is_counted[1] PASSED" in told
    assert "test_is_counted[2] PASSED" in told
    assert "TestFurnished::test_by_a_plain_function PASSED" in told


@pytest.mark.parametrize("ini", ["trio_mode = true", "anyio_mode = auto"])
def test_beside_plugins_that_run_async_tests_it_is_explored_once_and_theirs_run_as_ever(run: Run, ini: str) -> None:
    run.file("pytest.ini", f"[pytest]\n{ini}\n")
    run.file(
        "test_right.py",
        f"{RIGHT}\n\nasync def test_theirs():\n    import sniffio\n    assert sniffio.current_async_library()\n",
    )
    code, told = run.pytest(plugins=without("cacheprovider"))
    assert code == 0, told


def test_a_plugin_that_looks_whether_a_test_is_async_when_it_is_collected_leaves_an_exploration_alone(run: Run) -> None:
    run.file(
        "conftest.py",
        "import inspect, pytest\n\n"
        "@pytest.hookimpl(wrapper=True)\n"
        "def pytest_pycollect_makeitem(collector, name, obj):\n"
        "    made = yield\n"
        "    for item in made if isinstance(made, list) else []:\n"
        "        assert not inspect.iscoroutinefunction(item.obj), 'as pytest-asyncio would run it'\n"
        "    return made\n",
    )
    run.file("test_right.py", RIGHT)
    code, told = run.pytest()
    assert code == 0, told
    assert "3 passed" in told


def test_a_test_without_tasks_is_named(run: Run) -> None:
    run.file("test_it.py", "import pytest\n\n@pytest.mark.explore\ndef test_it(dmabuf):\n    pass\n")
    assert 'the function "test_it" declares no task' in run.pytest()[1]


def test_beside_xdist(run: Run) -> None:
    run.file("test_right.py", RIGHT)
    run.file("test_it.py", TESTS.format(options=""))
    code, told = run.pytest("-n", "2")
    assert code == 1
    assert "1 failed, 3 passed" in told
    assert "  replay   pytest test_it.py::test_no_update_is_lost --dmabuf-replay dba1:" in told


def test_without_the_mark_the_fixture_says_what_is_missing_and_without_the_fixture_the_mark_does(run: Run) -> None:
    run.file("test_it.py", "def test_it(dmabuf):\n    pass\n")
    assert "write @pytest.mark.explore above it" in run.pytest()[1]
    run.file("test_it.py", "import pytest\n\n@pytest.mark.explore\nasync def test_it():\n    pass\n")
    assert "an explored test takes the fixture dmabuf: it is the machine" in run.pytest()[1]


def test_scenario_files_are_tests(run: Run) -> None:
    for name in ("pins-ignored", "pins-ignored-repaired"):
        run.file(f"{name}.toml", (ROOT / f"scenarios/pin/{name}.toml").read_text())
    wrong = (ROOT / "scenarios/pin/pins-ignored.toml").read_text().partition("[expect]")[0]
    run.file("wrong.toml", wrong)
    run.file("broken.toml", '[[tasks]]\nnme = "a"\n')
    run.file("other.toml", 'tasks = "none of ours"\n')
    run.file("pyproject.toml", "[[tasks]]\n")
    code, told = run.pytest()
    assert code == 1
    assert "2 failed, 2 passed" in told
    assert "broken.toml:" in told
    assert "moved-while-pinned" in told
    line = re.search(r"  replay   pytest (wrong.toml) (--dmabuf-replay) (dba1:\S+)", told)
    assert line is not None
    code, again = run.pytest(*line.groups())
    assert code == 1
    assert "refuted, 1 execution" in again
    assert "1 skipped" in run.pytest("pins-ignored.toml", "--dmabuf-replay", line[3])[1]
    assert "is not a schedule" in run.pytest("pins-ignored.toml", "--dmabuf-replay", "dba1")[1]


def test_nothing_of_ours_is_loaded_where_it_is_not_used(run: Run) -> None:
    run.file(
        "test_it.py",
        "import sys\n\ndef test_it():\n    ours = {name for name in sys.modules if name.startswith('dmabuf_async')}\n"
        "    assert ours == {'dmabuf_async', 'dmabuf_async._version', 'dmabuf_async.pytest_plugin'}\n",
    )
    code, told = run.pytest()
    assert code == 0, told
    assert "dmabuf-async-" in told, "it is installed as a plugin"


def test_the_mark_is_declared(run: Run) -> None:
    run.file("test_right.py", RIGHT)
    assert run.pytest("--strict-markers")[0] == 0
    assert "@pytest.mark.explore(strategy='portfolio', executions=500" in run.pytest("--markers")[1]


def test_a_test_that_has_changed_is_another_one(run: Run) -> None:
    run.file("test_it.py", TESTS.format(options=""))
    schedule = _schedule(run.pytest()[1])
    run.file("test_it.py", TESTS.format(options="").replace('"count"', '"counter"'))
    code, told = run.pytest("-rs", "--dmabuf-replay", schedule)
    assert code == 0
    assert "this schedule is of another test or scenario, or from before this one was changed" in told


def _schedule(told: str) -> Any:
    return re.search(r"--dmabuf-replay (dba1:\S+)", told)[1]  # type: ignore[index]
