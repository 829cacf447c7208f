from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.explore.execution import execute
from dmabuf_async.explore.recording import Recording, record
from dmabuf_async.explore.replaying import replay
from dmabuf_async.report.chrome_trace import chrome_trace
from dmabuf_async.scenario import catalogue
from dmabuf_async.strategies.random_walk import RandomWalk

ROOT = Path(__file__).parents[2]
Events = list[dict[str, Any]]


def recorded(name: str, schedule: str = "", seed: int = 0) -> Recording:
    program = catalogue.load(str(ROOT / f"scenarios/{name}.toml"))
    execution = replay(program, schedule) if schedule else execute(program, RandomWalk(seed))
    assert execution is not None
    return record(program, execution)


def events(recording: Recording, phase: str = "") -> Events:
    found: Events = json.loads(chrome_trace(recording, "a.toml"))["traceEvents"]
    return [event for event in found if event["ph"] == phase or not phase]


@pytest.fixture(scope="module")
def pins() -> Recording:
    return recorded("pin/pins-ignored", "dba1:e55g.v3002g")


def test_an_actor_is_a_thread_in_the_process_of_its_cpu(pins: Recording) -> None:
    names = {(one["name"], one["pid"], one["args"]["name"]) for one in events(pins, "M") if "name" in one["args"]}
    assert names == {
        ("process_name", 1, "cpu0"),
        ("process_name", 2, "cpu1"),
        ("thread_name", 1, "importer"),
        ("thread_name", 2, "evictor"),
    }


def test_devices_and_the_environment_have_a_process_of_their_own() -> None:
    names = {one["args"].get("name"): one["pid"] for one in events(recorded("device/dma-in-flight"), "M")}
    assert names["gpu.engine0"] == names["devices and environment"]
    assert names["gpu.engine0"] not in {names["cpu0"], names["cpu1"]}


def test_a_step_is_a_slice_at_its_number(pins: Recording) -> None:
    steps = [one for one in events(pins, "X") if one["cat"] != "wait"]
    assert [one["ts"] for one in steps] == list(range(1, 27))
    switch = steps[16]
    assert (switch["name"], switch["cat"], switch["dur"]) == ("switch fb[0] to swap#0", "switch", 1)
    assert switch["args"]["step"] == 17
    assert steps[11]["args"]["preempts"] == "importer"


def test_an_unlock_and_the_next_lock_are_a_flow_between_their_threads(pins: Recording) -> None:
    starts, ends = events(pins, "s"), events(pins, "f")
    assert [one["id"] for one in starts] == [one["id"] for one in ends]
    first = next(one for one in starts if int(one["ts"]) == 5)
    end = next(one for one in ends if one["id"] == first["id"])
    assert (int(end["ts"]), end["bp"]) == (12, "e")
    assert first["name"] == end["name"] == "fb.lock"
    assert (first["pid"], end["pid"]) == (1, 2)


def test_what_only_conflicts_is_no_flow(pins: Recording) -> None:
    synchronising = [(one.first, one.second) for one in pins.arrows if one.synchronises]
    assert len(synchronising) < len(pins.arrows)
    starts, ends = events(pins, "s"), events(pins, "f")
    assert [(int(a["ts"]), int(b["ts"])) for a, b in zip(starts, ends, strict=True)] == synchronising


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("mmap/one-cpu-flushed-repaired", "", "flush tlb of cpu"),
        ("device/dma-in-flight-repaired", "complete dma", ""),
        ("migrate/in-parallel", "spawn", "copy"),
    ],
)
def test_ipis_completions_and_spawns_are_flows(name: str, first: str, second: str) -> None:
    for seed in range(10):
        recording = recorded(name, seed=seed)
        texts = [event.text for event in recording.execution.trace.events]
        starts, ends = events(recording, "s"), events(recording, "f")
        for start, end in zip(starts, ends, strict=True):
            if texts[int(start["ts"]) - 1].startswith(first) and texts[int(end["ts"]) - 1].startswith(second):
                return
    pytest.fail("no such flow")


def test_a_finding_is_an_instant_on_the_thread_of_its_actor(pins: Recording) -> None:
    (found,) = events(pins, "i")
    assert (found["name"], int(found["ts"]), found["pid"], found["s"]) == ("moved-while-pinned", 17, 2, "t")
    assert found["args"]["rule"] == "V7"


@pytest.mark.parametrize("name", ["locks/abba-repaired", "device/dma-in-flight", "kmap/two-importers", "mmap/killed"])
def test_slices_of_a_thread_never_overlap_and_flows_lie_in_them(name: str) -> None:
    for seed in range(5):
        recording = recorded(name, seed=seed)
        until: dict[int, int] = {}
        slices = sorted(events(recording, "X"), key=lambda one: one["ts"])
        for one in slices:
            assert one["ts"] >= until.get(one["tid"], 0)
            until[one["tid"]] = one["ts"] + one["dur"]
        for flow in (*events(recording, "s"), *events(recording, "f")):
            assert any(one["tid"] == flow["tid"] and one["ts"] < flow["ts"] < one["ts"] + one["dur"] for one in slices)


def test_what_an_actor_waits_for_is_a_slice() -> None:
    waits = [
        one["name"]
        for seed in range(10)
        for one in events(recorded("locks/abba-repaired", seed=seed), "X")
        if one["cat"] == "wait"
    ]
    assert any(name.startswith("waits for ") and "held by" in name for name in waits)


def test_it_says_what_it_is_of_and_is_ascii(pins: Recording) -> None:
    text = chrome_trace(pins, "\u00e9.toml")
    assert text.isascii()
    assert json.loads(text)["otherData"] == {
        "scenario": "\u00e9.toml", "schedule": "dba1:e55g.v3002g", "steps": 26
    }  # fmt: skip
