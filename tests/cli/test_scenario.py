from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"
EVERYTHING = """\
title = "All that a scenario can say"
story = '''
The first paragraph is
broken into lines.

The second is not.
'''
mutexes = ["a", "b"]

[machine]
cpus = 3
highmem = 2
swap = 2
kmap_slots = 1

[buffers.fb]
pages = 2
exporter = "swapping"
zone = "lowmem"
resident = false
defects = ["leak-slot"]

[buffers.cam]

[cells]
flag = -1

[[tasks]]
name = "importer"
kind = "user"
cpu = 2
repeat = 3
defects = ["late-kunmap"]
steps = [
  { do = "get_backing_storage", buffer = "fb", start = 4096, len = 4096, on_error = "ignore" },
  { do = "wait", cell = "flag", is = ">=", value = 0, interruptible = true },
  { do = "sleep", ticks = 5 },
]

[environment]
enomem = 1
eintr = 2
kills = 1

[expect]
findings = ["pin-leak", "frame-leak"]
sometimes = ["importer reaches sleep"]
"""
PYTHON = """
from dmabuf_async.scenario.python import scenario
from dmabuf_async import Sizes

async def task(cell):
    await cell.store(1)

@scenario(title="In Python", sizes=Sizes(cpus=1), findings=["assertion"])
def made(machine):
    '''It makes one of each.'''
    machine.mutex("m")
    machine.buffer("fb")
    machine.task("a", task, machine.cell("c"))
    machine.task("b", task, machine.cell("d"), daemon=True)
    machine.task("u", task, machine.cell("e"), user=True)
"""


def golden(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_file_is_shown_in_full(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "all.toml").write_text(EVERYTHING)
    told = cli("scenario", "show", "all.toml")
    assert (told.code, told.err) == (0, "")
    golden("show", told.out)


def test_python_is_shown_as_far_as_it_can_be(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(PYTHON)
    told = cli("scenario", "show", "some.py:made")
    assert (told.code, told.err) == (0, "")
    golden("show-python", told.out)


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_what_is_shown_keeps_to_the_width(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    (tmp_path / "all.toml").write_text(EVERYTHING)
    monkeypatch.setenv("COLUMNS", str(width))
    assert max(map(len, cli("scenario", "show", "all.toml").out.splitlines())) <= max(50, width)


def test_a_list_tells_titles_and_expectations(cli: Any, make: Any, tmp_path: Path) -> None:
    make("scenarios/pin/race.toml")
    make("scenarios/pin/race-repaired.toml", repaired=True, expect='sometimes = ["evictor reaches swap_out"]')
    make(f"scenarios/pin/{'a-long-name-' * 4}.toml", repaired=True)
    (tmp_path / "scenarios" / "some.py").write_text(PYTHON)
    told = cli("scenario", "list")
    assert (told.code, told.err) == (0, "")
    golden("list", told.out)


def test_a_bad_file_does_not_stop_the_list(cli: Any, make: Any, tmp_path: Path) -> None:
    make("scenarios/z.toml")
    (tmp_path / "scenarios" / "a.toml").touch()
    told = cli("scenario", "list", "scenarios", "nowhere")
    assert told.code == 3
    assert "z.toml" in told.out
    assert told.err.count("dmabuf-async: ") == told.err.count("\n") == 2


def test_as_json_a_scenario_is_an_object(cli: Any, make: Any, tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(PYTHON)
    (listed,) = cli("scenario", "list", make(), "--json").objects
    assert (listed["type"], listed["scenario"], listed["findings"]) == (
        *("scenario", "race.toml", ["access-without-backing"]),
    )
    (shown,) = cli("scenario", "show", "race.toml", "--json").objects
    assert shown["document"]["machine"]["cpus"] == 2
    assert shown["digest"] == listed["digest"]
    assert cli("scenario", "show", "some.py:made", "--json").objects[0]["document"] is None


def test_the_schema_is_json_schema(cli: Any) -> None:
    told = json.loads(cli("scenario", "schema").out)
    assert told["$schema"].startswith("https://json-schema.org/")
    assert cli("scenario", "schema", "--json").objects == [{"schema": 1, "type": "schema", "json_schema": told}]


def test_the_noun_alone_says_what_can_be_said(cli: Any) -> None:
    told = cli("scenario")
    assert (told.code, told.out) == (2, "")
    for verb in ("list", "show", "schema"):
        assert f"  {verb} " in told.err


def test_a_new_scenario_is_as_expected_and_not_with_the_defect_that_it_offers(cli: Any, tmp_path: Path) -> None:
    text = cli("scenario", "new").out
    (tmp_path / "new.toml").write_text(text, encoding="utf-8")
    assert cli("check", "new.toml").code == 0
    (tmp_path / "new.toml").write_text(text.replace("# defects", "defects"), encoding="utf-8")
    assert cli("check", "new.toml").code == 1
    assert cli("scenario", "new", "--json").objects == [{"schema": 1, "type": "new", "text": text}]
