from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.errors import ScenarioError
from dmabuf_async.explore.execution import execute
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function, load_python, scenario, scenarios, starts
from dmabuf_async.strategies.calm import Calm

Write = Callable[[str], Path]

HEAD = "from dmabuf_async.scenario.python import scenario\nfrom dmabuf_async.machine.sizes import Sizes\n"
GOOD = '''
@scenario(title="Two tasks, one lock", sizes=Sizes(cpus=1), findings=["deadlock"], sometimes=["a reaches middle"])
def race(machine):
    """The first line.

    The rest."""
    lock = machine.mutex("lock")
    async def work():
        await lock.lock()
        await lock.unlock()
    machine.task("a", work)
    machine.task("b", work)
'''


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A Python file with this text, below two lines of imports."""

    def written(text: str) -> Path:
        path = tmp_path / "x.py"
        path.write_text(HEAD + text)
        return path

    return written


def load(path: Path, function: str | None = None) -> Program:
    return load_python(path, function, CODES)


def refused(path: Path, function: str | None = None) -> str:
    """What is said, after the folder."""
    with pytest.raises(ScenarioError) as caught:
        load(path, function)
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(f"{path.parent}/")
    return message.removeprefix(f"{path.parent}/")


def test_a_scenario_function_is_a_program(write: Write) -> None:
    path = write(GOOD)
    program = load(path, "race")
    assert (program.name, program.title) == (f"{path}:race", "Two tasks, one lock")
    assert program.story == "The first line.\n\nThe rest."
    assert (program.sizes, program.findings, program.sometimes) == (Sizes(cpus=1), ("deadlock",), ("a reaches middle",))
    assert not program.reusable
    done = execute(program, Calm())
    assert done is not None
    assert [event.text for event in done.trace.events] == ["lock lock", "unlock lock"] * 2


def test_the_only_scenario_of_a_file_needs_no_name(write: Write) -> None:
    path = write(GOOD)
    assert load(path).name == f"{path}:race"


def test_a_bare_decorator_takes_the_defaults(write: Write) -> None:
    program = load(write('@scenario\ndef race(machine):\n    """Say it."""\n    machine.task("a", print)\n'))
    assert (program.title, program.sizes, program.findings) == ("Say it.", Sizes(), ())


def test_a_scenario_is_identified_by_the_text_of_its_file(write: Write) -> None:
    first = load(write(GOOD)).digest
    assert load(write(GOOD)).digest == first
    assert load(write(GOOD + "# more\n")).digest != first


def test_importing_a_scenario_leaves_nothing_beside_it(write: Write) -> None:
    path = write(GOOD)
    load(path)
    assert list(path.parent.iterdir()) == [path]


def test_what_a_file_prints_does_not_go_to_stdout(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    load(write("print('hello')\n" + GOOD))
    assert capsys.readouterr() == ("", "hello\n")


def test_a_dataclass_may_be_defined_in_a_scenario(write: Write) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    path = write("")
    path.write_text(text + HEAD + "@dataclass\nclass Point:\n    x: 'int' = 0\n" + GOOD)
    assert load(path).title == "Two tasks, one lock"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("open('/nowhere')\n", "x.py:3: importing it raises FileNotFoundError: [Errno 2] No such file or directory"),
        (
            "def f():\n    1/0\nf()\n",
            "x.py:4: importing it raises ZeroDivisionError: division by zero; repair the file",
        ),
        ("import sys\nsys.exit(3)\n", "x.py:4: importing it raises SystemExit: 3; repair the file"),
        ("raise BaseException\n", "x.py:3: importing it raises BaseException; repair the file"),
        ("raise ValueError('a\\n\\x1b[31m' + 'b' * 1000)\n", "x.py:3: importing it raises ValueError: a \\x1b[31mbbb"),
        ("def f(:\n", "x.py:3:7: is not valid Python: invalid syntax; repair the file"),
        ("import nowhere\n", "x.py:3: importing it raises ModuleNotFoundError: No module named 'nowhere'; repair"),
        ("x = 1\0\n", "x.py"),
        ("f = lambda: f()\nf()\n", "x.py:3: importing it raises RecursionError: maximum recursion depth exceeded"),
        (
            "class E(Exception):\n    def __str__(self): 1/0\nraise E\n",
            "x.py:5: importing it raises E; repair the file",
        ),
        (
            "@scenario(findings='deadlock')\ndef f(machine): ...\n",
            "x.py:3: importing it raises TypeError: findings must",
        ),
        ("@scenario(colour=1)\ndef f(machine): ...\n", "x.py:3: importing it raises TypeError: scenario() got an unex"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told_with_its_line(text: str, message: str, write: Write) -> None:
    modules = set(sys.modules)
    told = refused(write(text), "race")
    assert told.startswith(message)
    assert len(told) < 400
    assert not [name for name in set(sys.modules) - modules if name.startswith("dmabuf_async_scenario")]


def test_ctrl_c_passes(write: Write) -> None:
    with pytest.raises(KeyboardInterrupt):
        load(write("raise KeyboardInterrupt\n"))
    program = load(write("@scenario\ndef f(machine):\n    raise KeyboardInterrupt\n"))
    with pytest.raises(KeyboardInterrupt):
        program.machines()()


HELPER = "def race(machine): ...\n"
SEVERAL = GOOD + GOOD.replace("race", "walk")


@pytest.mark.parametrize(
    ("text", "function", "message"),
    [
        ("", None, "x.py: has no scenario; write @scenario above a function that takes a machine"),
        (HELPER, None, "x.py: has no scenario; write @scenario above a function that takes a machine"),
        (
            "",
            "race",
            'x.py: there is no scenario function "race"; write @scenario above a function that takes a machine',
        ),
        ("race = 3\n", "race", 'x.py: there is no scenario function "race"; write @scenario above a function'),
        (GOOD, "rase", 'x.py: there is no scenario function "rase"; did you mean "race"?'),
        (GOOD, "zzz", 'x.py: there is no scenario function "zzz"; it has "race"'),
        (GOOD, "", 'x.py: there is no scenario function ""; it has "race"'),
        (GOOD, "a.b\n", 'x.py: there is no scenario function "a.b\\n"; it has "race"'),
        (GOOD, "scenario", '"scenario" is not a scenario'),
        (SEVERAL, None, 'x.py: has 2 scenarios: "race", "walk"; name one, as in '),
        ("@scenario\nasync def race(machine): ...\n", None, 'x.py:3: the scenario function "race" must be a plain one'),
        ("@scenario\ndef race(machine): yield\n", None, 'x.py:3: the scenario function "race" must be a plain one'),
        ("@scenario\nasync def race(m): yield\n", None, 'x.py:3: the scenario function "race" must be a plain one'),
        (
            "@scenario\ndef race(): ...\n",
            None,
            'x.py:3: the scenario function "race" is called with the machine and noth',
        ),
        ("@scenario\ndef race(m, n): ...\n", None, "nothing else; it takes (m, n)"),
        (
            GOOD.replace("deadlock", "deadlok"),
            None,
            'a finding "deadlok" that does not exist; did you mean "deadlock"?',
        ),
        (GOOD.replace('"deadlock"', "5"), None, "expects a finding 5 that does not exist; the codes are "),
        (
            GOOD.replace(" reaches ", " "),
            None,
            "has a witness \"a middle\"; expected 'TASK reaches SITE', where the task",
        ),
    ],
)
def test_a_function_that_is_no_scenario_is_told(text: str, function: str | None, message: str, write: Write) -> None:
    told = refused(write(text), function)
    assert message in told
    assert told.startswith("x.py:")


def test_a_function_that_is_named_needs_no_decorator(write: Write) -> None:
    program = load(write(GOOD.split("\n", 2)[2]), "race")
    assert (program.title, program.findings, program.sizes) == ("The first line.", (), Sizes())
    assert [actor.name for actor in program.machines()().actors] == ["a", "b"]


def test_a_scenario_that_is_imported_from_another_file_belongs_there(write: Write, tmp_path: Path) -> None:
    (tmp_path / "other_scenarios.py").write_text(HEAD + GOOD)
    sys.path.insert(0, str(tmp_path))
    try:
        assert "has no scenario" in refused(write("from other_scenarios import race\n"))
    finally:
        sys.path.remove(str(tmp_path))
        del sys.modules["other_scenarios"]


def test_a_mistake_in_what_a_scenario_imports_is_told_with_the_line_of_the_import(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "helper_that_is_none.py").write_text("\n" * 50 + "def f(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    told = refused(write("import helper_that_is_none\n"))
    assert told.startswith("x.py:3: importing it raises SyntaxError: invalid syntax (helper_that_is_none.py, line 51)")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("1/0", 'x.py:5: "race" raises ZeroDivisionError: division by zero; repair the function'),
        ("raise SystemExit", 'x.py:5: "race" raises SystemExit; repair the function'),
        ("machine.task('a', print, cpu=9)", "x.py:5: in \"race\": task 'a' stands on cpu 9, but"),
        ("pass", 'x.py:3: "race" declares no task; call machine.task(NAME, FUNCTION) in it'),
    ],
)
def test_a_function_that_cannot_furnish_a_machine_is_told(body: str, message: str, write: Write) -> None:
    path = write(f"@scenario\ndef race(machine):\n    {body}\n")
    program = load(path)
    with pytest.raises(ScenarioError) as caught:
        program.machines()()
    assert str(caught.value).startswith(f"{path.parent}/{message}")


def test_files_that_are_none_are_told_as_for_toml(tmp_path: Path) -> None:
    assert refused(tmp_path / "x.py").startswith("x.py: there is no such file; name a scenario file")
    (tmp_path / "folder.py").mkdir()
    assert refused(tmp_path / "folder.py").startswith("folder.py: is a folder, and a file was expected")


def test_a_function_of_a_program_needs_no_file() -> None:
    def race(machine: Machine) -> None:
        """What it shows.

        And why.
        """

    program = from_function(race)
    assert (program.name, program.title, program.story) == ("race", "What it shows.", "What it shows.\n\nAnd why.")
    assert from_function(race, "other").name == "other"
    assert from_function(lambda _: None).title == "<lambda>"
    assert from_function(race, digest=b"x").digest == b"x"
    assert len(scenarios(sys.modules[__name__])) == 0


def test_functions_that_do_other_things_have_other_digests() -> None:
    def one(machine: Machine) -> object:
        return machine.cell("c", 1).name in {"a", "b"} or [x * 2 for x in "ab"]

    def two(machine: Machine) -> object:
        return machine.cell("c", 1).name in {"a", "b"} or [x * 3 for x in "ab"]

    two.__name__ = "one"
    assert from_function(one).digest == from_function(one).digest
    assert from_function(one).digest != from_function(two).digest


def test_the_values_that_a_function_was_given_are_part_of_what_it_is() -> None:
    def sized(machine: Machine, n: int = 2, *, deep: bool = False) -> None:
        """So many."""

    def wrapped(n: int) -> Callable[[Machine], None]:
        def inner(machine: Machine) -> None:
            machine.cell("c", n)
            later()  # a name that has no value yet

        if n < 0:

            def later() -> None:
                """Never given."""

        return inner

    three = from_function(partial(sized, n=3))
    assert (three.name, three.title) == ("sized(n=3)", "So many.")
    assert from_function(partial(sized, n=3)).digest == three.digest
    assert len({from_function(one).digest for one in (sized, partial(sized, n=3), partial(sized, deep=True))}) == 3
    assert from_function(wrapped(2)).digest == from_function(wrapped(2)).digest
    assert from_function(wrapped(2)).digest != from_function(wrapped(3)).digest
    before = from_function(sized).digest
    sized.__defaults__ = (4,)
    assert from_function(sized).digest != before


def test_programs_with_numbers_that_python_would_not_write_out_are_told_apart() -> None:
    def sized(machine: Machine, n: int = 0) -> None:
        machine.counter("n", n)

    def closed(n: int) -> Callable[[Machine], None]:
        return lambda machine: sized(machine, n)

    one, other = 10**5000, 10**5000 + 1
    assert from_function(partial(sized, n=one)).name == "sized(n=an integer of 5,001 digits)"
    made: list[Callable[[Machine], None]] = [partial(sized, n=one), partial(sized, n=other), closed(one), closed(other)]
    assert len({from_function(function).digest for function in made}) == 4
    assert from_function(closed(one)).digest == from_function(closed(one)).digest


def test_a_program_that_could_not_say_anything_is_told() -> None:
    async def waits(machine: Machine) -> None:
        raise AssertionError("nothing of it runs")

    def idle(machine: Machine, n: int) -> None:
        machine.cell("c", n)

    with pytest.raises(ScenarioError, match='"waits" that furnishes a machine must be a plain one: drop its async'):
        from_function(waits)
    with pytest.raises(ScenarioError, match=r'"idle\(n=5\)" declares no task, so that nothing can be said of it: call'):
        execute(from_function(partial(idle, n=5)), Calm())


def test_a_decorated_function_is_still_a_function() -> None:
    @scenario(title="t")
    def race(machine: Machine) -> int:
        return 5

    assert race(Machine()) == 5
    assert from_function(race).title == "t"


def test_a_task_that_cannot_be_started_is_told() -> None:
    machine = Machine()

    async def work(count: int) -> None:
        raise AssertionError("nothing of it runs")

    starts(machine.task("good", work, 1))
    for function in (work, len, asyncio.sleep, None):
        with pytest.raises(
            ScenarioError, match=r"the task .* cannot be started .*; give machine.task an async function"
        ):
            starts(machine.task(f"bad {function}", function))  # type: ignore[arg-type]  # that is the mistake
