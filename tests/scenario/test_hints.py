from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from dmabuf_async.scenario.hints import clean, did_you_mean, dotted, listed, nearest, shown, spelled, type_mistakes
from dmabuf_async.scenario.schema import Scenario

VERBS = ["kmap", "kunmap", "kmap_atomic", "get_backing_storage", "load"]


@settings(deadline=None)
@given(st.text())
def test_a_cleaned_text_is_printable_and_short(text: str) -> None:
    assert clean(text).isprintable()
    assert len(clean(text)) <= 60 * 10 + 3
    assert spelled(text).isprintable()


def test_nothing_of_a_path_is_cut_off() -> None:
    assert spelled("x" * 1000) == "x" * 1000
    assert clean("x" * 61) == "x" * 60 + "..."


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a\n", '"a\\n"'),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (10**20, "an integer of more than 20 digits"),
        (1.5, "1.5"),
        ({}, "a table"),
        ([], "an empty array"),
        ([1, 2], "an array of 2"),
        (date(2024, 1, 1), "a date or a time"),
    ],
)
def test_a_value_is_shown_in_the_spelling_of_toml(value: object, words: str) -> None:
    assert shown(value) == words


def test_a_number_that_python_does_not_print_is_shown() -> None:
    assert shown(10**5000) == "an integer of more than 20 digits"


def test_a_long_list_of_words_is_cut() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b"]) == '"a", "b"'
    assert listed([str(number) for number in range(23)]).endswith('"19" and 3 more')


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("kamp", "kmap"),
        ("KMAP", "kmap"),
        ("dma_buf_kmap", "kmap"),
        ("kmap-atomic", "kmap_atomic"),
        ("get_backing_store", "get_backing_storage"),
        ("xyzzy", None),
        ("", None),
    ],
)
def test_the_nearest_word_is_the_one_that_was_meant(word: str, known: str | None) -> None:
    assert nearest(word, VERBS) == known


def test_of_equally_near_words_the_one_that_begins_alike_is_meant() -> None:
    assert nearest("=", ["!=", "<=", "=="]) == "=="
    assert nearest("ax", ["ab", "aa"]) is None
    assert nearest("aax", ["aab", "aaa"]) == "aaa"
    assert nearest("a", []) is None


def test_without_a_near_word_the_other_hint_is_given() -> None:
    assert did_you_mean("lod", VERBS, "none") == 'did you mean "load"?'
    assert did_you_mean("xyzzy", VERBS, "none") == "none"


def test_a_path_is_written_as_in_toml() -> None:
    assert dotted(()) == ""
    assert dotted(("tasks", 1, "steps", 2, "page")) == "tasks[1].steps[2].page"
    assert dotted(("a b", "é", "\x07")) == '"a b"."é"."\\x07"'


SCALARS = st.sampled_from(
    [
        "x",
        "",
        "a b",
        "a\n",
        "kmap",
        "fb",
        "static",
        "==",
        "a reaches b",
        0,
        1,
        -1,
        64,
        10**6,
        2**70,
        True,
        1.0,
        1.5,
        date.min,
    ]
)
WORDS = """title tasks name steps do buffer as at word page value cell is machine cpus buffers fb pages exporter
zone cells mutexes environment kills expect findings sometimes start len ticks on_error interruptible resident
defects kind repeat"""
KEYS = st.sampled_from(WORDS.split())
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


def nudged(document: Any, draw: st.DataObject) -> Any:
    """The document with one value, somewhere, replaced by any other."""
    if not document or not isinstance(document, dict | list) or not draw.draw(st.integers(0, 4)):
        return draw.draw(DOCUMENTS)
    if isinstance(document, list):
        index = draw.draw(st.integers(0, len(document) - 1))
        return [*document[:index], nudged(document[index], draw), *document[index + 1 :]]
    key = draw.draw(st.sampled_from(sorted(document)))
    if not draw.draw(st.integers(0, 4)):
        return {one: value for one, value in document.items() if one != key}
    return document | {draw.draw(st.just(key) | KEYS): nudged(document[key], draw)}


WHOLE: dict[str, Any] = {
    "title": "x",
    "machine": {"cpus": 2},
    "buffers": {"fb": {"pages": 2, "exporter": "swapping", "defects": []}},
    "cells": {"c": 1},
    "mutexes": ["m"],
    "tasks": [
        {
            "name": "a",
            "kind": "user",
            "steps": [
                {"do": "get_backing_storage", "buffer": "fb", "start": 0, "len": 4096},
                {"do": "kmap", "buffer": "fb", "page": 1, "as": "m"},
                {"do": "wait", "cell": "c", "is": ">=", "value": 1, "interruptible": True},
                {"do": "sleep", "ticks": 3},
            ],
        }
    ],
    "expect": {"findings": [], "sometimes": ["a reaches kmap"]},
}


@settings(deadline=None)
@given(st.data())
def test_the_types_are_refused_exactly_when_a_mistake_can_be_named(data: st.DataObject) -> None:
    document = nudged(WHOLE, data)
    assume(isinstance(document, dict))
    mistakes = list(type_mistakes(document, inspect.type_info(Scenario)))
    try:
        msgspec.convert(document, Scenario)
    except msgspec.ValidationError:
        assert mistakes
    else:
        assert not mistakes
    for mistake in mistakes:
        assert dotted(mistake.path).isprintable()
        assert mistake.text.isprintable()
