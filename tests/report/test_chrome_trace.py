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


EVERY = {"ph", "name", "pid", "tid"}
MORE = {
    "M": {"args"},
    "X": {"cat", "ts", "dur", "args"},
    "s": {"cat", "ts", "id"},
    "f": {"cat", "ts", "id", "bp"},
    "i": {"cat", "ts", "s", "args"},
}
"""Fields that the Trace Event Format has for each phase that is used; of a slice, args may be left out."""
METADATA = {
    "process_name": "name",
    "thread_name": "name",
    "process_sort_index": "sort_index",
    "thread_sort_index": "sort_index",
}


@pytest.mark.parametrize(
    "name",
    [
        "atomic/sleep", "cache/pipeline", "device/dma-in-flight", "device/one-engine-flushed", "kmap/two-importers",
        "locks/abba", "migrate/in-parallel", "mmap/one-cpu-flushed", "process/killed",
    ],
)  # fmt: skip
def test_every_event_is_one_of_the_trace_event_format(name: str) -> None:
    for seed in range(3):
        trace = json.loads(chrome_trace(recorded(name, seed=seed), "a.toml"))
        assert set(trace) == {"displayTimeUnit", "otherData", "traceEvents"}
        assert trace["displayTimeUnit"] in {"ms", "ns"}
        for one in trace["traceEvents"]:
            phase = one["ph"]
            assert EVERY | MORE[phase] - {"args"} <= set(one) <= EVERY | MORE[phase]
            assert all(isinstance(one[key], int) and one[key] > 0 for key in ("pid", "tid"))
            assert isinstance(one["name"], str)
            if phase == "M":
                assert list(one["args"]) == [METADATA[one["name"]]]
            else:
                assert isinstance(one["cat"], str)
                assert one["cat"]
                assert isinstance(one["ts"], int | float)
                assert one["ts"] >= 0
            assert one.get("dur", 1) > 0
            assert one.get("bp", "e") == "e"
            assert phase != "i" or one["s"] == "t"
        well_ordered(trace["traceEvents"])


def well_ordered(every: Events) -> None:
    """Names first, then time never goes back; tracks are told apart by their threads; flows go on."""
    named = [one for one in every if one["ph"] == "M"]
    timed = every[len(named) :]
    assert every == [*named, *timed]
    assert [one["ts"] for one in timed] == sorted(one["ts"] for one in timed)
    threads = [(one["pid"], one["tid"]) for one in named if one["name"] == "thread_name"]
    processes = [one["pid"] for one in named if one["name"] == "process_name"]
    assert len({tid for _, tid in threads}) == len(threads)
    assert len(set(processes)) == len(processes)
    assert {pid for pid, _ in threads} == set(processes)
    assert {(one["pid"], one["tid"]) for one in timed} <= set(threads)
    assert {tid for _, tid in threads}.isdisjoint(processes), "a thread would be taken for the main one of a process"
    starts = {one["id"]: one for one in timed if one["ph"] == "s"}
    ends = {one["id"]: one for one in timed if one["ph"] == "f"}
    assert len(starts) + len(ends) == sum(one["ph"] in {"s", "f"} for one in timed)
    assert set(starts) == set(ends)
    for number, start in starts.items():
        end = ends[number]
        assert (start["name"], start["cat"]) == (end["name"], end["cat"]), "that and the id bind them"
        assert start["ts"] < end["ts"]
    slices: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for one in timed:
        if one["ph"] == "X":
            slices.setdefault((one["pid"], one["tid"]), []).append((one["ts"], one["ts"] + one["dur"]))
    for flow in (*starts.values(), *ends.values()):
        track = slices[flow["pid"], flow["tid"]]
        assert sum(begin <= flow["ts"] < end for begin, end in track) == 1, "a flow binds to the slice around it"


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
