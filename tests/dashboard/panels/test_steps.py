from __future__ import annotations

from rich.text import Text

from dmabuf_async.dashboard.panels.steps import steps
from dmabuf_async.machine.snapshot import ActorView, Snapshot
from dmabuf_async.trace.events import Event, Finding

SNAPSHOT = Snapshot(3, 0, tuple(ActorView(name, cpu, "ready", "", "") for cpu, name in enumerate("ab")), (), ())
EVENTS = (
    Event(1, "a", 0, "lock", "lock m"),
    Event(2, "b", 1, "alloc", "alloc frame for fb[0]", result="ENOMEM", fault=True, preempts="a"),
    Event(3, "clock", None, "fire", "time goes on", fault=True),
    Event(4, "b", 1, "wait", "wait c == 1", result="EINTR", fault=True),
)
BROKEN = Finding("stale-kmap", "V8", "b uses a mapping that leads to ram#0", 2, "b")


def told(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def test_steps_are_a_list_where_there_is_no_room_for_columns() -> None:
    assert told(steps(SNAPSHOT, EVENTS, (BROKEN,), width=80)) == [
        "    1  a (cpu0)  lock m",
        "x   2  b (cpu1)  alloc frame for fb[0] -> ENOMEM  x stale-kmap  < preempts a",
        "    3  clock     time goes on",
        "    4  b (cpu1)  wait c == 1 -> EINTR             < a fault of the environment",
    ]


def test_steps_stand_in_a_column_an_actor_where_there_is_room() -> None:
    heads, *lines = told(steps(SNAPSHOT, EVENTS[:2], (BROKEN,), width=110))
    assert heads.split() == ["a", "(cpu0)", "b", "(cpu1)"]
    assert [line.index("lock m") for line in lines[:1]] == [heads.index("a (")]
    assert [line.index("alloc") for line in lines[1:]] == [heads.index("b (")]


def test_the_latest_steps_are_kept() -> None:
    assert [line[:6].strip(" x") for line in told(steps(SNAPSHOT, EVENTS, width=80, rows=2))] == ["3", "4"]
    assert len(steps(SNAPSHOT, EVENTS, width=200, rows=3)) == 3


def test_what_broke_is_told_before_words_and_before_who_was_preempted() -> None:
    (line,) = told(steps(SNAPSHOT, EVENTS[1:2], (BROKEN,), width=45))
    assert line == "x   2  b (cpu1)  alloc frame f…  x stale-kmap"
