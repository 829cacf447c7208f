"""A scenario that is written out is the one that was written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.scenario.load import load_scenario, parse_scenario
from dmabuf_async.scenario.schema import Scenario, digest
from dmabuf_async.scenario.writing import toml
from tests.effort import times
from tests.scenario.conftest import Parse

FILES = sorted(Path("scenarios").rglob("*.toml"))

PLAIN = """\
title = "Two words, written and read"
story = \"\"\"
One task, and "quotes" in two
lines.
\"\"\"
mutexes = ["m"]

[machine]
highmem = 4

[cells]
used = 0

[buffers.fb]

[buffers.screen]
pages = 2
defects = ["no-flush"]

[[tasks]]
name = "one"
steps = [
  { do = "get_backing_storage", buffer = "fb" },
  { do = "kmap", buffer = "fb", as = "m" },
  { do = "store", at = "m", word = 1 },
  { do = "kunmap", at = "m" },
  { do = "put_backing_storage", buffer = "fb" },
]

[environment]
enomem = 1

[expect]
sometimes = ["one reaches kunmap"]
"""


@pytest.mark.parametrize("path", FILES, ids=str)
def test_every_scenario_of_the_catalogue_is_the_same_when_it_is_written_and_read(path: Path, parse: Parse) -> None:
    scenario = load_scenario(path, defects=DEFECTS, codes=CODES)
    again = parse(toml(scenario))
    assert again == scenario
    assert digest(again) == digest(scenario)


def test_a_scenario_is_written_as_somebody_would_have_written_it(parse: Parse) -> None:
    assert toml(parse(PLAIN)) == PLAIN


@given(story=st.text(st.characters(exclude_categories=["Cs"])), title=st.text(min_size=1))
@settings(max_examples=times(200, 50), deadline=None)
def test_any_text_comes_back_as_it_was(story: str, title: str) -> None:
    plain = parse_scenario(PLAIN, "x.toml", defects=DEFECTS, codes=CODES)
    line = "".join(one for one in title if one.isprintable()) or "a title"
    scenario: Scenario = msgspec.structs.replace(plain, story=story, title=line)
    assert parse_scenario(toml(scenario), "x.toml", defects=DEFECTS, codes=CODES) == scenario


def test_a_long_list_has_a_line_for_each(parse: Parse) -> None:
    scenario = parse(PLAIN)
    many = msgspec.structs.replace(scenario, mutexes=[f"a-mutex-with-a-long-name-{number}" for number in range(9)])
    text = toml(many)
    assert 'mutexes = [\n  "a-mutex-with-a-long-name-0",\n' in text
    assert parse(text) == many
