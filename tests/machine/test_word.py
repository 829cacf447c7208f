"""Versions of words, against a reference that goes over the whole trace by vector clocks (tests/versions.py)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmabuf_async.machine.order import LANES
from dmabuf_async.strategies.dice import dice
from tests.effort import times
from tests.versions import ACTORS, CODES, PLACES, VERBS, Step, machine_of, meant, op_of, programs, told

KINDS = [
    pytest.param({"coherent": True, "line_words": 1}, id="coherent"),
    pytest.param({"coherent": False, "line_words": 1}, id="a word a line"),
    pytest.param({"coherent": False, "line_words": 2}, id="two words a line"),
]
quick = settings(max_examples=times(200, 60), deadline=None, suppress_health_check=list(HealthCheck))


def drawn(seed: int) -> list[Step]:
    """A random program; every fourth kind is rich in moves."""
    roll = dice(seed)

    def below(count: int) -> int:
        return int(roll() * count)

    verbs = (*VERBS, *("copy", "switch", "store", "dma_store", "alloc") * (seed % 4))
    return [
        Step(verbs[below(len(verbs))], below(ACTORS), below(2), below(2), below(len(PLACES)), below(4))
        for _ in range(5 + below(75))
    ]


def agree(kind: dict[str, Any], steps: list[Step]) -> Counter[str]:
    """What the machine marks is what the definitions say, at each step; how often each code was told."""
    found = told(machine_of(**kind), steps)
    assert [codes for _, codes in found] == meant([step for step, _ in found], **kind)
    return Counter(code for _, codes in found for code in codes)


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(steps=programs)
def test_what_is_marked_is_what_the_definitions_say(kind: dict[str, Any], steps: list[Step]) -> None:
    agree(kind, steps)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_so_in_a_thousand_long_programs_which_have_all_codes(kind: dict[str, Any]) -> None:
    counts = Counter[str]()
    for seed in range(1000):
        counts += agree(kind, drawn(seed))
    assert {code for code, count in counts.items() if count >= 5} == set(CODES)


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(steps=programs, last=st.integers(0, 99))
def test_a_peek_is_undone(kind: dict[str, Any], steps: list[Step], last: int) -> None:
    machine = machine_of(**kind)
    told(machine, steps)
    one = drawn(last)[0]
    op, actor = op_of(machine, one), machine.actors[one.actor]
    if op is None:
        return
    machine.marks.clear()
    before = (machine.fingerprint, machine.memory(), machine.events.count)
    peeked = machine.peek(actor, op, memory=True)
    assert (machine.fingerprint, machine.memory(), machine.events.count) == before
    assert not machine.marks
    assert peeked.result == machine.apply(actor, op)
    assert (peeked.fingerprint, peeked.memory) == (machine.fingerprint, machine.memory())


@pytest.mark.parametrize("kind", KINDS)
def test_a_reset_forgets_everything(kind: dict[str, Any]) -> None:
    machine = machine_of(**kind)
    first = machine.memory()
    for seed in range(20):
        told(machine, drawn(seed))
        machine.reset()
        assert (machine.memory(), machine.events.count, machine.fingerprint) == (first, (0,) * LANES, 0)


def test_a_loop_of_a_writer_and_a_reader_has_finitely_many_keys() -> None:
    machine = machine_of(coherent=False, line_words=2)
    turn = [
        Step("acquire", 0), Step("store", 0), Step("clean", 0), Step("release", 0),
        Step("acquire", 1), Step("dma_load", 1), Step("dma_store", 1, word=1), Step("release", 1),
        Step("invalidate", 0), Step("load", 0, word=1),
    ]  # fmt: skip
    seen = []
    for _ in range(50):
        for step in turn:
            told(machine, [step])
            seen.append((machine.fingerprint, machine.memory()))
    assert len(set(seen[len(turn) * 2 :])) <= len(turn)
    assert sum(machine.events.count) == 100
