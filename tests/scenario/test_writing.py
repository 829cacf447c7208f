"""Scenarios as text: what is written is what is read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.scenario.load import load_scenario, parse_scenario
from dmabuf_async.scenario.schema import Scenario
from dmabuf_async.scenario.writing import text_of

FILES = sorted((Path(__file__).parents[2] / "scenarios").rglob("*.toml"))


def read(text: str) -> Scenario:
    return parse_scenario(text, "written.toml", defects=DEFECTS, codes=CODES)


def test_every_file_of_the_catalogue_is_read_as_it_was_when_it_is_written_anew() -> None:
    for path in FILES:
        scenario = load_scenario(path, defects=DEFECTS, codes=CODES)
        text = text_of(scenario)
        assert read(text) == scenario, path
        assert text_of(read(text)) == text


def test_it_is_written_as_people_write_it_and_without_defaults() -> None:
    text = """title = "a"
mutexes = ["m"]

[machine]
vram = 2

[buffers.fb]
exporter = "migrating"

[cells]
x = 0

[[tasks]]
name = "t"
cpu = 1
steps = [
  { do = "lock", mutex = "m" },
  { do = "set", cell = "x", value = 1 },
]

[environment]
enomem = 1

[expect]
findings = ["deadlock"]
"""
    assert text_of(read(text.replace("vram = 2", "vram = 2\nram = 4"))) == text
    assert text_of(read(text), ["one", ""]) == f"# one\n#\n\n{text}"


@pytest.mark.parametrize("odd", ['"', "\\", "\n", "\t", "\x7f", "\x01", "\u2028", "\U0001f600", "#", "'"])
def test_any_character_that_a_text_may_have_survives(odd: str) -> None:
    scenario = read('title = "t"\n[[tasks]]\nname = "n"\nsteps = [{ do = "sleep", ticks = 1 }]\n')
    scenario = msgspec.structs.replace(scenario, story=f"a{odd}b")
    assert tomllib.loads(text_of(scenario))["story"] == f"a{odd}b"
