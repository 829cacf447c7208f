"""Smaller documents: what is left of a scenario when all goes that somebody can do without.

A scenario is a tree, and it is reduced as one: lists lose elements by halves, quarters and so on, tasks before their
steps; keys go back to their defaults; numbers become smaller (Misherghi and Su, "HDD: Hierarchical Delta Debugging",
ICSE 2006). Steps that belong together, as a lock and its unlock do, go in pairs. What is left of a step stays as it is:
with another page or word it may break in another way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, Final, TypeAlias

Document: TypeAlias = "dict[str, Any]"
"""As :func:`~dmabuf_async.scenario.schema.without_defaults` has it."""

Keeps: TypeAlias = Callable[[Document], bool]
"""Whether a document still has what matters; False if it is no scenario at all."""

Where: TypeAlias = "tuple[str | int, ...]"
"""Keys and indices, from the root."""

KEPT: Final = frozenset({"title", "tasks", "steps", "name", "expect", "findings"})
"""Keys that are not tried to be left out: a scenario is none without them, or they say what it is for."""


def reduced(document: Document, keeps: Keeps) -> Iterator[Document]:
    """Ever smaller documents that ``keeps`` likes, until it likes no smaller one."""
    smallest = document
    while True:
        before = smallest
        for edit in (_shorter_lists, _without_pairs, _without_keys, _smaller_numbers):
            for smaller in edit(smallest, keeps):
                smallest = smaller
                yield smaller
        if smallest == before:
            return


def _shorter_lists(document: Document, keeps: Keeps) -> Iterator[Document]:
    """Without some elements of lists: of the outer ones first."""
    seen: set[Where] = set()
    while True:
        lists = (one for one, value in _inside(document) if isinstance(value, list) and one[-1] != "findings")
        where = next((one for one in lists if one not in seen), None)
        if where is None:
            return
        seen.add(where)
        size = len(_at(document, where))
        while size:
            start = 0
            while start < len(elements := _at(document, where)):
                smaller = _with(document, where, elements[:start] + elements[start + size :])
                if keeps(smaller):
                    document = smaller
                    yield document
                else:
                    start += size
            size //= 2


def _without_pairs(document: Document, keeps: Keeps) -> Iterator[Document]:
    """Without two steps of one task."""
    for where in [one for one, _ in _inside(document) if one[-1:] == ("steps",)]:
        again = True
        while again:
            again = False
            steps = _at(document, where)
            for first, second in combinations(range(len(steps)), 2):
                smaller = _with(document, where, [one for at, one in enumerate(steps) if at not in {first, second}])
                if keeps(smaller):
                    document = smaller
                    yield document
                    again = True
                    break


def _without_keys(document: Document, keeps: Keeps) -> Iterator[Document]:
    """With one key more as it is by default, or one thing less of those that have names."""
    for where in [one for one, _ in _outside_steps(document) if isinstance(one[-1], str) and one[-1] not in KEPT]:
        try:
            _at(document, where)
        except KeyError:  # it went with what it was in
            continue
        smaller = _without(document, where)
        if keeps(smaller):
            document = smaller
            yield document


def _smaller_numbers(document: Document, keeps: Keeps) -> Iterator[Document]:
    """With numbers of half their size, or one less."""
    for where in [one for one, value in _outside_steps(document) if type(value) is int]:
        while (value := _at(document, where)) > 0:
            halved, lower = _with(document, where, value // 2), _with(document, where, value - 1)
            smaller = next(filter(keeps, (halved, lower)), None)
            if smaller is None:
                break
            document = smaller
            yield document


# The tree ------------------------------------------------------------------------------


def _inside(document: Document) -> list[tuple[Where, Any]]:
    """Everything in it, the outer before the inner; tasks come before what they use."""
    found: list[tuple[Where, Any]] = []
    level: list[tuple[Where, Any]] = [((), document)]
    while level:
        found += level
        level = [
            ((*where, key), value)
            for where, node in level
            for key, value in (
                sorted(node.items(), key=lambda one: one[0] != "tasks")
                if isinstance(node, dict)
                else enumerate(node)
                if isinstance(node, list)
                else ()
            )
        ]
    return found[1:]


def _outside_steps(document: Document) -> list[tuple[Where, Any]]:
    return [(where, value) for where, value in _inside(document) if "steps" not in where]


def _at(document: Document, where: Where) -> Any:
    node: Any = document
    for key in where:
        node = node[key]
    return node


def _with(node: Any, where: Where, value: Any) -> Any:
    """A copy in which another value stands there."""
    if not where:
        return value
    key, *rest = where
    changed = node.copy()
    changed[key] = _with(node[key], tuple(rest), value)
    return changed


def _without(node: Any, where: Where) -> Any:
    """A copy without that key."""
    key, *rest = where
    changed = node.copy()
    if rest:
        changed[key] = _without(node[key], tuple(rest))
    else:
        del changed[key]
    return changed
