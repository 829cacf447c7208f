from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmabuf_async.scenario.positions import KeyPath, position, position_at

TEXT = """\
# a comment with [brackets] and "quotes"
title = "x = 1"        # a = "title"
a.b . "c.d" = 1
'e' = '''
[not.a.table]
f = 1''''
g = \"\"\"a \\\\ " \\\"\"\" ""]\"\"\"\"\"

[machine]
cpus = 2
when = 1979-05-27T07:32:00Z
[buffers.fb]
pages = [ # one
  1, [2,
  3], ]
[ buffers . "frame buffer" ]
pages = { a = 1, b.c = [ 2, { d = "}" } ] }
[[tasks]]
name = "a"
  [[tasks.steps]]
  do = "x"
  [[tasks.steps]]
  do = "y"
  [tasks.more]
  z = 1
[[tasks]]
steps = [{ do = "kmap" }, { do = "load",
 }]
""".replace(",\n }", " }")


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        ((), 1, 1),
        (("title",), 2, 1),
        (("a",), 3, 1),
        (("a", "b"), 3, 3),
        (("a", "b", "c.d"), 3, 7),
        (("e",), 4, 1),
        (("g",), 7, 1),
        (("machine",), 9, 2),
        (("machine", "cpus"), 10, 1),
        (("machine", "when"), 11, 1),
        (("buffers",), 12, 2),
        (("buffers", "fb"), 12, 10),
        (("buffers", "fb", "pages"), 13, 1),
        (("buffers", "fb", "pages", 0), 14, 3),
        (("buffers", "fb", "pages", 1), 14, 6),
        (("buffers", "fb", "pages", 1, 1), 15, 3),
        (("buffers", "frame buffer"), 16, 13),
        (("buffers", "frame buffer", "pages", "a"), 17, 11),
        (("buffers", "frame buffer", "pages", "b", "c"), 17, 20),
        (("buffers", "frame buffer", "pages", "b", "c", 1, "d"), 17, 31),
        (("tasks",), 18, 3),
        (("tasks", 0), 18, 3),
        (("tasks", 0, "name"), 19, 1),
        (("tasks", 0, "steps"), 20, 11),
        (("tasks", 0, "steps", 1), 22, 11),
        (("tasks", 0, "steps", 1, "do"), 23, 3),
        (("tasks", 0, "more", "z"), 25, 3),
        (("tasks", 1), 26, 3),
        (("tasks", 1, "steps", 0, "do"), 27, 12),
        (("tasks", 1, "steps", 1), 27, 27),
    ],
)
def test_a_key_is_found_where_it_is_written(path: KeyPath, line: int, column: int) -> None:
    assert tomllib.loads(TEXT)
    assert position(TEXT, path) == (line, column)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("nowhere",), 1, 1),
        (("machine", "ram"), 9, 2),
        (("tasks", 0, "steps", 0, "page"), 20, 11),
        (("tasks", 1, "steps", 1, "page"), 27, 27),
        (("tasks", 7), 18, 3),
    ],
)
def test_what_is_not_written_down_is_placed_at_the_nearest_thing_around_it(
    path: KeyPath, line: int, column: int
) -> None:
    assert position(TEXT, path) == (line, column)


def test_columns_count_characters_and_lines_begin_at_one() -> None:
    assert position_at("", 0) == (1, 1)
    assert position_at("é\né", 3) == (2, 2)


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters='"\\'), max_size=4)
VALUES = st.recursive(
    st.sampled_from(["1", "true", '"a, b]"', "'}'", '"""\n"#"""', "'''\n]'''", "1e5", "07:32:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), st.sampled_from(["", " ", "\t"]))
def test_every_part_of_any_document_is_found(document: dict[str, Any], blank: str) -> None:
    places: dict[KeyPath, int] = {}
    text = ""

    def write(path: KeyPath, value: Any) -> None:
        nonlocal text
        if isinstance(value, str):
            text += value
            return
        text += "[{"[isinstance(value, dict)] + blank
        for index, key in enumerate(value):
            text += f",{blank}" if index else ""
            inner = (*path, key if isinstance(value, dict) else index)
            places[inner] = len(text)
            text += f'"{key}"{blank}={blank}' if isinstance(value, dict) else ""
            write(inner, value[key] if isinstance(value, dict) else key)
        text += blank + "]}"[isinstance(value, dict)]

    for key, value in document.items():
        places[key,] = len(text)
        text += f'"{key}" = '
        write((key,), value)
        text += "\n"
    assert set(tomllib.loads(text)) == set(document)
    for path, offset in places.items():
        assert position(text, path) == position_at(text, offset), path
