from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.execution import Execution, execute
from dmabuf_async.explore.recording import Recording, record
from dmabuf_async.explore.replaying import replay
from dmabuf_async.machine.machine import Machine
from dmabuf_async.scenario import catalogue
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk

ROOT = Path(__file__).parents[2]


def executed(program: Program, seed: int | None = None, **options: Any) -> Execution:
    done = execute(program, Calm() if seed is None else RandomWalk(seed), **options)
    assert done is not None
    return done


def between(recording: Recording) -> dict[tuple[str, str], bool]:
    """What comes before what, in words, and whether it synchronises."""
    texts = [f"{event.actor}: {event.text}" for event in recording.execution.trace.events]
    return {(texts[one.first - 1], texts[one.second - 1]): one.synchronises for one in recording.arrows}


@pytest.mark.parametrize(
    "name",
    ["mmap/tlb-not-flushed", "device/dma-in-flight", "cache/stale-line-evicted", "process/killed", "locks/abba",
     "migrate/in-parallel"],
)  # fmt: skip
def test_there_is_a_state_before_the_first_step_and_after_each(name: str) -> None:
    program = catalogue.load(str(ROOT / f"scenarios/{name}.toml"))
    for seed in range(5):
        execution = executed(program, seed)
        recording = record(program, execution)
        assert [snapshot.step for snapshot in recording.snapshots] == list(range(execution.steps + 1))
        assert [snapshot.stopped for snapshot in recording.snapshots[:-1]] == [""] * execution.steps
        assert recording.snapshots[-1].stopped == execution.stopped
        assert all(one.first < one.second for one in recording.arrows)


def test_a_state_shows_what_its_step_has_done_and_nothing_of_the_next() -> None:
    program = catalogue.load(str(ROOT / "scenarios/pin/pins-ignored.toml"))
    recording = record(program, replay(program, "dba1:e55g.v3002g"))
    where = [snapshot.buffers[0].pages[0].where for snapshot in recording.snapshots]
    assert (where[16], where[17]) == ("ram#0", "swap#0")
    assert recording.snapshots[17].actors[1].op == "free ram#0"


def passed_on(machine: Machine) -> None:
    lock, flag, word = machine.mutex("lock"), machine.cell("flag", 0), machine.cell("plain", 0)

    async def first() -> None:
        await word.store(1)
        await flag.store_release(1)
        await lock.lock()
        await lock.unlock()

    async def second() -> None:
        await flag.wait("==", 1)
        await lock.lock()
        await word.load()
        await lock.unlock()

    machine.task("first", first, cpu=0)
    machine.task("second", second, cpu=1)


def test_a_release_synchronises_with_its_acquire_and_an_unlock_with_the_next_lock() -> None:
    program = from_function(passed_on)
    found = between(record(program, executed(program)))
    assert found["first: store_release flag 1", "second: wait flag == 1"] is True
    assert found["first: unlock lock", "second: lock lock"] is True
    assert not any("plain" in one and "second" in other for one, other in found), "it follows from the others"


def raced(machine: Machine) -> None:
    word = machine.cell("plain", 0)

    async def write() -> None:
        await word.store(1)

    machine.task("one", write, cpu=0)
    machine.task("two", write, cpu=1)


def test_two_plain_stores_conflict_and_do_not_synchronise() -> None:
    program = from_function(raced)
    recording = record(program, executed(program))
    assert [(one.first, one.second, one.synchronises, one.objects) for one in recording.arrows] == [
        (1, 2, False, ("plain",))
    ]


def test_an_execution_that_was_cut_is_recorded_as_far_as_it_went() -> None:
    program = from_function(passed_on)
    execution = executed(program, max_steps=3)
    assert execution.stopped == "cut"
    assert len(record(program, execution).snapshots) == 4


def test_what_comes_out_differently_is_told() -> None:
    program = from_function(passed_on)
    execution = executed(program)
    other = replace(execution, trace=replace(execution.trace, events=execution.trace.events[:-1]))
    with pytest.raises(ReplayDiverged, match="not deterministic"):
        record(program, other)
