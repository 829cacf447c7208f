from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmabuf_async.scenario import schema
from dmabuf_async.scenario.schema import Scenario, digest, split_witness

PLAIN: dict[str, Any] = {
    "title": "x",
    "buffers": {"fb": {}},
    "tasks": [{"name": "a", "steps": [{"do": "kmap", "buffer": "fb", "as": "m"}, {"do": "swap_out", "buffer": "fb"}]}],
}


def made(document: dict[str, Any]) -> Scenario:
    return msgspec.convert(document, Scenario)


DEFAULTS: list[Callable[[Any], object]] = [
    lambda d: d.update(rules="rfc-2012"),
    lambda d: d.update(machine={}),
    lambda d: d.update(machine={"cpus": 2, "ram": 4, "highmem": 0, "swap": 4, "kmap_slots": 4, "words": 2}),
    lambda d: d.update(cells={}, mutexes=[]),
    lambda d: d.update(environment={"enomem": 0}),
    lambda d: d.update(expect={"findings": []}),
    lambda d: d["buffers"]["fb"].update(pages=1, exporter="static", resident=True, defects=[]),
    lambda d: d["tasks"][0].update(cpu=0, kind="kernel", repeat=1, defects=[]),
    lambda d: d["tasks"][0]["steps"][0].update(page=0),
    lambda d: d["tasks"][0]["steps"][1].update(on_error="ignore"),
    lambda d: d.update(title="another title", story="another story"),
]

CHANGES: list[Callable[[Any], object]] = [
    lambda d: d.update(machine={"cpus": 3}),
    lambda d: d.update(cells={"c": 0}),
    lambda d: d.update(mutexes=["m"]),
    lambda d: d.update(environment={"enomem": 1}),
    lambda d: d.update(expect={"findings": ["deadlock"]}),
    lambda d: d["buffers"].update(cam={}),
    lambda d: d["buffers"]["fb"].update(zone="lowmem"),
    lambda d: d["tasks"][0].update(name="b"),
    lambda d: d["tasks"][0].update(kind="user"),
    lambda d: d["tasks"][0]["steps"].pop(),
    lambda d: d["tasks"][0]["steps"].reverse(),
    lambda d: d["tasks"][0]["steps"][0].update(do="kmap_atomic"),
    lambda d: d["tasks"][0]["steps"][1].update(on_error="unwind"),
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(DEFAULTS)))
def test_the_digest_ignores_words_and_defaults_that_are_spelled_out(edits: list[Callable[[Any], object]]) -> None:
    document = deepcopy(PLAIN)
    for edit in edits:
        edit(document)
    assert digest(made(document)) == digest(made(PLAIN))


def test_the_digest_ignores_the_order_of_keys() -> None:
    document = {key: PLAIN[key] for key in reversed(PLAIN)}
    document["buffers"] = {"a": {}, "fb": {}}
    other = document | {"buffers": {"fb": {}, "a": {}}}
    assert digest(made(document)) == digest(made(other))


@pytest.mark.parametrize("edit", CHANGES)
def test_the_digest_tells_what_is_simulated(edit: Callable[[Any], object]) -> None:
    document = deepcopy(PLAIN)
    edit(document)
    assert digest(made(document)) != digest(made(PLAIN))


def test_a_schedule_that_was_printed_yesterday_still_fits_today() -> None:
    assert digest(made(PLAIN)).hex() == "a0dccf209bab6e104548bfef34923fffd0e1b8eed8bf8fd473cffd77e420a4a2"


def test_a_buffer_lies_in_highmem_if_the_machine_has_any() -> None:
    small, large = schema.MachineSizes(), schema.MachineSizes(highmem=1)
    assert schema.BufferSpec().zone_on(small) == "lowmem"
    assert schema.BufferSpec().zone_on(large) == "highmem"
    assert schema.BufferSpec(zone="lowmem").zone_on(large) == "lowmem"


def test_a_witness_is_a_task_and_a_step() -> None:
    assert split_witness("display reaches kmap") == ("display", "kmap")
