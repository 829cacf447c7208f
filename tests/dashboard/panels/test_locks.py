from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from dmabuf_async.dashboard.panels.locks import shared, shared_in_brief
from dmabuf_async.machine.snapshot import ActorView, SharedView, Snapshot

EMPTY = Snapshot(0, 0, (), (), ())


def told(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def test_in_little_room_what_is_held_comes_first() -> None:
    things = (
        SharedView("count", "counter", "3"),
        SharedView("m", "mutex", ""),
        SharedView("fb.lock", "mutex", "mover"),
    )
    snapshot = replace(EMPTY, shared=things)
    assert told(shared_in_brief(snapshot, width=80)) == ["fb.lock mover   m free   count 3"]
    assert told(shared_in_brief(snapshot, width=25)) == ["fb.lock mover   m free", "count 3"]
    assert told(shared_in_brief(snapshot, width=25, rows=1)) == ["fb.lock mover …  + 1 more"]
    assert told(shared(snapshot, width=80)) == [
        "count    counter   3",
        "m        mutex     free",
        "fb.lock  mutex     held by mover",
    ]


def test_who_waits_is_told_beside_what_it_waits_for() -> None:
    actors = tuple(ActorView(name, 0, "blocked", "", "", waits_on=on) for name, on in (("a", "fb.lock"), ("b", "turn")))
    things = (
        SharedView("free", "spinlock", ""),
        SharedView("turn", "cell", "0"),
        SharedView("fb.lock", "mutex", "evictor"),
    )
    seen = Snapshot(1, 0, actors, (), (), shared=things)
    assert [" ".join(text.plain.split()) for text in shared(seen, width=80)] == [
        "free spinlock free",
        "turn cell 0, awaited by b",
        "fb.lock mutex held by evictor, wanted by a",
    ]
    assert [text.plain.split("wanted by ")[-1].strip() for text in shared(seen, width=80, rows=2)] == ["a", "+ 2 more"]
    (brief,) = shared_in_brief(seen, width=100)
    assert brief.plain == "fb.lock evictor, wanted by a   turn 0, awaited by b   free free"
