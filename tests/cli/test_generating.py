"""``fuzz --generate``: what it prints replays, what it writes is a scenario, and what doesn't fit is refused."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.unaudited

BAD = """
title = "An exporter that swaps out what is pinned"
[buffers.fb]
exporter = "swapping"
defects = ["ignore-pins"]
[[tasks]]
name = "evictor"
cpu = 1
steps = [{ do = "swap_out", buffer = "fb" }]
"""
RIGHT = BAD.replace('defects = ["ignore-pins"]', "")
NO_BUFFER = 'title = "x"\n[[tasks]]\nname = "one"\nsteps = [{ do = "sleep", ticks = 1 }]\n'
FEW = ("--scenarios", "10", "--executions", "10")


@pytest.fixture
def bad(cli: Any) -> str:
    Path("bad.toml").write_text(BAD, encoding="utf-8")
    return "bad.toml"


@pytest.fixture
def right(cli: Any) -> str:
    Path("right.toml").write_text(RIGHT, encoding="utf-8")
    return "right.toml"


def commands(text: str) -> list[list[str]]:
    """The replay lines, as arguments."""
    return [shlex.split(line)[1:] for line in re.findall(r"^  replay   (.*)$", text, re.MULTILINE)]


def test_what_is_found_is_written_and_replays_and_is_what_the_file_expects(cli: Any, bad: str) -> None:
    told = cli("fuzz", "--generate", *FEW, bad, "-o", "small.toml")
    assert (told.code, told.err) == (1, "")
    text = Path("small.toml").read_text(encoding="utf-8")
    assert text in told.out
    assert "written to small.toml:" in told.out
    replay = commands(told.out)[0]
    again = cli(*replay)
    assert "moved-while-pinned" in again.out
    assert again.code == 0, "the file expects it"
    judged = cli("fuzz", "--executions", "50", "small.toml")
    assert judged.code == 0
    assert "as expected" in judged.out


def test_without_a_file_it_says_what_to_save_it_as(cli: Any, bad: str) -> None:
    told = cli("fuzz", "--generate", *FEW, bad)
    assert told.code == 1
    text = told.out.partition("save it as bad-drawn.toml:\n\n")[2].partition("\n1 scenario: ")[0]
    assert not Path("bad-drawn.toml").exists()
    Path("bad-drawn.toml").write_text(text, encoding="utf-8")
    replay = commands(told.out)[0]
    assert cli(*replay).code == 0


def test_against_a_right_exporter_nothing_is_found_or_written(cli: Any, right: str) -> None:
    told = cli("fuzz", "--generate", *FEW, right, "-o", "small.toml")
    assert (told.code, told.err) == (0, "")
    assert re.search(r"right.toml  nothing found; \d+ drawn scenarios, \d+ executions\n", told.out)
    assert sorted(path.name for path in Path().iterdir()) == ["right.toml"], "nothing else is left behind"


def test_the_same_seed_prints_the_same_and_another_draws_others(cli: Any, right: str) -> None:
    def drawn(*more: str) -> str:
        return str(cli("fuzz", "--generate", *FEW, right, *more).out.splitlines()[0])

    assert drawn("--seed", "3") == drawn("--seed", "3")
    assert drawn("--seed", "3") != drawn("--seed", "4")


def test_for_programs_there_is_a_line_with_the_file(cli: Any, bad: str) -> None:
    told = cli("fuzz", "--generate", *FEW, "--json", bad)
    verdict, generated, summary = map(json.loads, told.out.splitlines())
    assert (verdict["type"], generated["type"], summary["type"]) == ("verdict", "generated", "summary")
    assert (verdict["scenario"], generated["file"], generated["written"]) == ("bad.toml", "bad-drawn.toml", False)
    Path(generated["file"]).write_text(generated["text"], encoding="utf-8")
    assert cli("replay", generated["file"], verdict["failures"][0]["schedule"]).code == 0


def test_a_file_that_is_there_is_not_written_over(cli: Any, bad: str) -> None:
    told = cli("fuzz", "--generate", *FEW, bad, "-o", bad)
    assert told.code == 2
    assert "bad.toml is there already, and is not written over" in told.err
    assert Path(bad).read_text(encoding="utf-8") == BAD


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--scenarios", "3"), "--scenarios belongs to --generate"),
        (("--generate", "--jobs", "2"), "--jobs is of no use to --generate"),
        (("-o", "x.toml"), "-o belongs to --generate"),
        (("--generate", "-o", "x.toml", "other.toml"), "-o writes one scenario, and several may be found"),
        (("--generate", "-o", "no/where.toml"), "-o: no/where.toml cannot be written"),
    ],
)
def test_options_that_do_not_go_together_are_refused(cli: Any, right: str, args: tuple[str, ...], words: str) -> None:
    told = cli("fuzz", right, *args)
    assert told.code == 2
    assert words in told.err
    assert told.out == ""


def test_a_folder_is_no_place_for_one_file(cli: Any, right: str) -> None:
    assert "name one scenario file, not a folder" in cli("fuzz", "--generate", ".", "-o", "x.toml").err


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("x.toml", NO_BUFFER, "x.toml: has no buffer, and so no exporter to draw importers against"),
        ("x.py", "", "x.py"),
    ],
)
def test_what_has_no_exporter_to_draw_against_is_told(cli: Any, name: str, text: str, words: str) -> None:
    Path(name).write_text(text, encoding="utf-8")
    told = cli("fuzz", "--generate", name)
    assert told.code == 3
    assert words in told.err


def test_a_scenario_in_python_is_pointed_to_what_to_do(cli: Any) -> None:
    Path("own.py").write_text(
        "from dmabuf_async.scenario.python import scenario\n\nasync def nothing():\n    pass\n\n@scenario\n"
        "def own(machine):\n    machine.task('one', nothing)\n",
        encoding="utf-8",
    )
    told = cli("fuzz", "--generate", "own.py")
    assert told.code == 3
    assert "is written in Python, and --generate takes scenario files" in told.err


def test_without_hypothesis_it_says_what_to_install(cli: Any, right: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dmabuf_async.cli import generating

    monkeypatch.setattr(generating, "find_spec", lambda _: None)
    told = cli("fuzz", "--generate", right)
    assert told.code == 2
    assert "python -m pip install '.[generate]'" in told.err


def test_time_ends_it(cli: Any, right: str) -> None:
    told = cli("fuzz", "--generate", "--time", "0.3", right)
    assert told.code == 0
    assert "drawn scenarios" in told.out


def test_a_campaign_that_draws_nothing_loads_no_hypothesis(cli: Any, right: str) -> None:
    code = "import sys; from dmabuf_async.cli.main import main; main(['fuzz', '--executions', '2', 'right.toml']);"
    import subprocess

    done = subprocess.run(
        [sys.executable, "-c", f"{code} print('hypothesis' in sys.modules)"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
