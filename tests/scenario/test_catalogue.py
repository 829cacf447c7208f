from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario.catalogue import find, load

SCENARIOS = Path(__file__).parents[2] / "scenarios"
LEAST = 'title = "x"\n[[tasks]]\nname = "a"\nsteps = [{ do = "sleep", ticks = 1 }]\n'
PYTHON = """
from dmabuf_async.scenario.python import scenario
@scenario
def one(machine):
    async def work(): await machine.clock.sleep(1)
    machine.task("a", work)
@scenario(title="t")
def another(machine): one(machine)
def helper(machine): ...
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, an empty one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, text: str = LEAST) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refused(name: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(name)
    return str(caught.value)


# Loading -------------------------------------------------------------------------


@pytest.mark.parametrize("name", find([str(SCENARIOS)]), ids=lambda name: Path(name).name)
def test_every_scenario_that_ships_can_be_loaded(name: str) -> None:
    assert load(name).name == name


def test_a_program_is_named_as_the_user_named_it() -> None:
    put("a/x.toml")
    put("x.py", PYTHON)
    assert load("a/x.toml").name == "a/x.toml"
    assert load("./a/x.toml").name == "./a/x.toml"
    assert load("x.py:one").name == "x.py:one"


def test_a_file_with_several_scenarios_lists_them() -> None:
    put("x.py", PYTHON)
    assert refused("x.py") == 'x.py: has 2 scenarios: "one", "another"; name one, as in x.py:one'


def test_a_name_may_have_a_colon_that_means_nothing() -> None:
    put("a:b.toml")
    assert load("a:b.toml").title == "x"
    assert refused("x.toml:one").startswith("x.toml:one: there is no such file")


def test_a_scenario_that_cannot_be_built_is_told_when_it_is_loaded() -> None:
    text = "from dmabuf_async.scenario.python import scenario\n@scenario\ndef f(machine):\n"
    put("room.py", f"{text}    from dmabuf_async.drivers.static import StaticExporter\n"
        "    StaticExporter(machine, machine.buffer('fb', 9), 'ram')\n")  # fmt: skip
    assert refused("./room.py") == refused("room.py")
    assert refused("room.py").startswith("room.py:5: in \"f\": buffer 'fb' needs 9 pages, and ram has only 4")
    put("task.py", f"{text}    machine.task('a', len)\n")
    assert refused("task.py:f").startswith(
        'task.py:f: the task "a" cannot be started (TypeError: len() takes exactly one'
    )


def test_loading_imports_neither_a_terminal_nor_an_event_loop(folder: Path) -> None:
    put("x.toml")
    put("x.py", PYTHON)
    code = (
        "import sys; from dmabuf_async.scenario import catalogue as c\n"
        "[c.load(name) for name in c.find(['.'])]\n"
        "print(sorted({'click', 'rich', 'anyio', 'trio', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# Finding --------------------------------------------------------------------------


def test_a_folder_holds_toml_files_and_decorated_functions_sorted() -> None:
    put("s/b/z.toml")
    put("s/a.toml")
    put("s/b/m.py", PYTHON)
    put("s/notes.md", "")
    assert find(["s"]) == ["s/a.toml", "s/b/m.py:another", "s/b/m.py:one", "s/b/z.toml"]
    assert find(["s/"]) == find(["s"])
    assert [load(name).name for name in find(["s"])] == find(["s"])


def test_files_are_taken_as_they_are_and_only_once() -> None:
    put("s/a.toml")
    put("b.toml")
    put("x.py", PYTHON)
    assert find(["b.toml", "s", "x.py:one", "x.py", "s/a.toml"]) == ["b.toml", "s/a.toml", "x.py:one", "x.py"]


def test_hidden_folders_and_caches_are_skipped() -> None:
    put("s/a.toml")
    put("s/.git/b.toml")
    put("s/.b.toml")
    put("s/__pycache__/b.toml")
    assert find(["s"]) == ["s/a.toml"]
    assert find(["s/.git"]) == ["s/.git/b.toml"]


def test_links_that_lead_in_a_circle_end() -> None:
    put("s/deep/a.toml")
    Path("s/deep/up").symlink_to("..", target_is_directory=True)
    Path("s/self").symlink_to("self")
    assert find(["s"]) == ["s/deep/a.toml"]


def test_a_link_to_a_folder_is_followed() -> None:
    put("real/a.toml")
    put("s/b.toml")
    Path("s/link").symlink_to("../real", target_is_directory=True)
    assert find(["s"]) == ["s/b.toml", "s/link/a.toml"]


@pytest.mark.parametrize("text", ["def f(:", "x = 1\0", "(" * 10_000, "\udcff"])
def test_a_python_file_that_is_none_hides_no_other_and_is_told_when_it_is_loaded(text: str) -> None:
    put("s/a.toml")
    Path("s/bad.py").write_bytes(text.encode(errors="surrogateescape"))
    assert find(["s"]) == ["s/a.toml", "s/bad.py"]
    assert refused("s/bad.py").startswith("s/bad.py")


def test_finding_imports_nothing() -> None:
    put("s/x.py", PYTHON + "raise SystemExit\n")
    assert find(["s"]) == ["s/x.py:another", "s/x.py:one"]
    assert refused("s/x.py:one").startswith("s/x.py:10: importing it raises SystemExit")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from dmabuf_async.scenario.python import scenario as s\n@s(title='t')\ndef f(m): ...\n", True),
        ("from dmabuf_async.scenario import python\n@python.scenario\ndef f(m): ...\n", True),
        ("import dmabuf_async.scenario.python as p\n@p.scenario()\ndef f(m): ...\n", True),
        ("import dmabuf_async.scenario.python\n@dmabuf_async.scenario.python.scenario\ndef f(m): ...\n", True),
        ("if 1:\n    from dmabuf_async.scenario.python import scenario\n    @scenario\n    def f(m): ...\n", True),
        ("from dmabuf_async.scenario.python import scenario\n@scenario\nasync def f(m): ...\n", True),
        ("from pytest_bdd import scenario\n@scenario('x')\ndef f(m): ...\n", False),
        ("from . import scenario\n@scenario\ndef f(m): ...\n", False),
        ("from dmabuf_async.scenario.python import from_function\n@from_function\ndef f(m): ...\n", False),
        ("from dmabuf_async.scenario.python import scenario\n@(lambda f: f)\ndef f(m): ...\n", False),
        ("from dmabuf_async.scenario.python import scenario\nclass C:\n    @scenario\n    def f(m): ...\n", False),
        ("from dmabuf_async.scenario.python import scenario\ndef g():\n    @scenario\n    def f(m): ...\n", False),
        ("import re\nx = '\\d'\n", False),
    ],
)
def test_a_scenario_is_a_module_function_decorated_with_ours(text: str, found: bool) -> None:
    put("s/a.toml")
    put("s/x.py", text)
    assert find(["s"]) == ["s/a.toml", *(["s/x.py:f"] if found else [])]


def test_a_folder_without_scenarios_is_told() -> None:
    put("s/notes.md", "")
    with pytest.raises(ScenarioError, match=r"^s: there is no scenario in this folder; name a folder with \*\.toml"):
        find(["s"])


@pytest.mark.parametrize("name", ["nowhere", "nowhere.toml", "nowhere.py:f", "a\0b", ""])
def test_a_path_that_does_not_exist_is_told(name: str) -> None:
    with pytest.raises(ScenarioError, match="there is no such file or folder; name a scenario, or a folder of them"):
        find([name])


def test_a_pipe_in_a_folder_does_not_hang() -> None:
    put("s/a.toml")
    os.mkfifo("s/x.py")
    os.mkfifo("s/y.toml")
    assert find(["s"]) == ["s/a.toml", "s/x.py", "s/y.toml"]
    assert "is a pipe or a device" in refused("s/x.py")
    assert "is a pipe or a device" in refused("s/y.toml")


def test_a_folder_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    put("s/a.toml")

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(
        ScenarioError, match=r"^s: cannot be read \(Permission denied\); name folders that you may read"
    ):
        find(["s"])
