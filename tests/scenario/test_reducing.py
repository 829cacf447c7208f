"""Smaller documents: what goes, in which order, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dmabuf_async.scenario.reducing import Document, reduced


def task(name: str, *steps: str, **more: Any) -> Document:
    return {"name": name, "steps": [{"do": step} for step in steps], **more}


def document(*tasks: Document, **more: Any) -> Document:
    return {"title": "t", "tasks": list(tasks), "expect": {"findings": ["deadlock"]}, **more}


def least(whole: Document, keeps: Callable[[Document], bool]) -> Document:
    """The last of ever smaller ones."""
    for smaller in reduced(whole, keeps):
        assert keeps(smaller)
        assert len(repr(smaller)) <= len(repr(whole))
        whole = smaller
    return whole


def steps_of(whole: Document) -> list[str]:
    return [step["do"] for one in whole["tasks"] for step in one["steps"]]


def test_tasks_and_steps_go_that_nobody_needs() -> None:
    whole = document(task("a", "x", "y", "z"), task("b", "x"), task("c", "u", "v"))
    assert least(whole, lambda one: {"y", "v"} <= set(steps_of(one))) == document(task("a", "y"), task("c", "v"))


def test_steps_that_belong_together_go_together() -> None:
    whole = document(task("a", "lock", "x", "y", "unlock"))
    paired = least(whole, lambda one: "y" in steps_of(one) and ("lock" in steps_of(one)) == ("unlock" in steps_of(one)))
    assert steps_of(paired) == ["y"]


def test_keys_go_back_to_their_defaults_and_things_that_nobody_uses_go() -> None:
    whole = document(
        task("a", "x", cpu=1, repeat=3), machine={"ram": 8, "vram": 2}, buffers={"fb": {"pages": 2}, "gb": {}}
    )
    used = ("machine", "vram"), ("buffers", "fb")
    kept = least(whole, lambda one: bool(steps_of(one)) and all(name in one.get(table, {}) for table, name in used))
    assert kept == document(task("a", "x"), machine={"vram": 0}, buffers={"fb": {}})


def test_numbers_become_as_small_as_they_can() -> None:
    whole = document(task("a", "x", repeat=100), machine={"ram": 11})
    small = least(
        whole,
        lambda one: (
            sum(each.get("repeat", 0) for each in one["tasks"]) >= 7 and one.get("machine", {}).get("ram") == 11
        ),
    )
    assert small["tasks"][0]["repeat"] == 7
    assert small["machine"] == {"ram": 11}


def test_what_is_in_a_step_and_what_is_expected_stays() -> None:
    whole = document({"name": "a", "steps": [{"do": "load", "page": 3, "word": 1}]})
    assert least(whole, lambda one: bool(steps_of(one))) == whole


def test_nothing_is_asked_again_once_nothing_more_goes() -> None:
    whole = document(task("a", "x", "y"), machine={"ram": 3})
    assert list(reduced(whole, lambda one: not one)) == []
    assert whole == document(task("a", "x", "y"), machine={"ram": 3})
