"""Steps that a trylock leaves out."""

from __future__ import annotations

import pytest

from dmabuf_async.explore.execution import execute
from dmabuf_async.scenario.build import program
from dmabuf_async.strategies.calm import Calm
from tests.scenario.conftest import Complaint, Parse

HEAD = """
title = "x"
mutexes = ["m"]
spinlocks = ["s"]
rwsems = ["r"]
cells = { c = 0 }
[buffers.fb]
[[tasks]]
name = "a"
"""
TAKES = {
    "trylock": ('{ do = "lock", mutex = "m" }', '{ do = "trylock", mutex = "m", skip = 2 }'),
    "spin_trylock": ('{ do = "spin_lock", spinlock = "s" }', '{ do = "spin_trylock", spinlock = "s", skip = 2 }'),
    "down_read_trylock": (
        '{ do = "down_write", rwsem = "r" }',
        '{ do = "down_read_trylock", rwsem = "r", skip = 2 }',
    ),
    "down_write_trylock": (
        '{ do = "down_read", rwsem = "r" }',
        '{ do = "down_write_trylock", rwsem = "r", skip = 2 }',
    ),
}


def steps(*told: str, more: str = "") -> str:
    return f"{HEAD}{more}steps = [{', '.join(told)}]\n"


def stores(text: str, parse: Parse) -> list[str]:
    """Which values are stored in the cell."""
    done = execute(program(parse(text), "x.toml"), Calm())
    assert done is not None
    return [event.text.rpartition(" ")[2] for event in done.trace.events if event.kind.startswith("store")]


def count(value: int) -> str:
    return f'{{ do = "set", cell = "c", value = {value} }}'


@pytest.mark.parametrize("verb", TAKES)
@pytest.mark.parametrize("kind", ["kernel", "user"])
def test_what_is_under_a_trylock_is_left_out_if_the_lock_is_not_to_be_had(verb: str, kind: str, parse: Parse) -> None:
    taken, trying = TAKES[verb]
    more = f'kind = "{kind}"\n'
    assert stores(steps(trying, count(1), count(2), count(3), more=more), parse) == ["1", "2", "3"]
    assert stores(steps(taken, trying, count(1), count(2), count(3), more=more), parse) == ["3"]


def test_a_repeated_task_tries_again_and_a_block_may_end_with_it(parse: Parse) -> None:
    trying = TAKES["trylock"][1]
    text = steps(count(1), trying, count(2), '{ do = "sleep", ticks = 1 }', more="repeat = 2\n")
    assert stores(text, parse) == ["1", "2", "1"]


def test_a_trylock_whose_result_nobody_looks_at_leaves_nothing_out(parse: Parse) -> None:
    taken, trying = TAKES["trylock"]
    assert stores(steps(taken, trying.replace("skip = 2", "skip = 0"), count(1)), parse) == ["1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (steps(TAKES["trylock"][1], count(1)), "steps[0].skip: there is only 1 step after it; set skip = 1"),
        (steps(TAKES["trylock"][1]), "steps[0].skip: there is no step after it; set skip = 0"),
        (
            steps(TAKES["trylock"][1].replace("2", "3"), count(1), count(1)),
            "steps[0].skip: there are only 2 steps after it; set skip = 2",
        ),
        (
            steps(TAKES["trylock"][1], '{ do = "kmap", buffer = "fb", as = "p" }', '{ do = "kunmap", at = "p" }'),
            "steps[1].do: it may be left out by steps[0], and then nobody knows what is mapped; move it on",
        ),
        (
            steps(TAKES["trylock"][1], count(1), '{ do = "kmap", buffer = "fb", as = "p" }'),
            "steps[2].do: it may be left out by steps[0], and then nobody knows what is mapped; move it on",
        ),
    ],
)
def test_a_block_that_cannot_be_left_out_is_told(complaint: Complaint, text: str, message: str) -> None:
    assert message in " ".join(complaint(text).split())


def test_a_name_that_was_made_before_may_be_used_in_a_block(parse: Parse) -> None:
    text = steps(
        '{ do = "kmap", buffer = "fb", as = "p" }', TAKES["trylock"][1], '{ do = "load", at = "p" }', count(1),
        '{ do = "kunmap", at = "p" }',
    )  # fmt: skip
    assert stores(text, parse) == ["1"]
