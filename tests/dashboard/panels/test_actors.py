from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from dmabuf_async.dashboard.panels.actors import actors
from dmabuf_async.machine.snapshot import ActorView, Snapshot

EMPTY = Snapshot(0, 0, (), (), ())


def told(lines: list[Text]) -> list[str]:
    return [line.plain.rstrip() for line in lines]


def actor(name: str, state: str = "ready", **more: object) -> ActorView:
    return replace(ActorView(name, 0, state, "lock m", ""), **more)  # type: ignore[arg-type]


def test_where_there_is_no_room_for_all_actors_the_current_and_the_stuck_stay_and_the_ended_go_first() -> None:
    views = (
        actor("ended", "ended"),
        actor("idle", "idle"),
        actor("ready"),
        actor("stuck", "blocked", stuck=True),
        actor("current", "ended"),
    )
    lines = told(actors(replace(EMPTY, actors=views), width=80, rows=4, current="current"))
    assert [line.split()[:2] for line in lines[:-1]] == [["ready", "cpu0"], ["stuck", "cpu0"], [">", "current"]]
    assert lines[-1] == "  + 2 more actors"


def test_an_actor_tells_what_it_holds_and_what_it_ended_by() -> None:
    views = (
        actor("a", locks=("m",), pins=("fb", "fb"), kmaps=("fb[0]",), atomic=True),
        actor("b", "ended", op="", failure="ValueError: x"),
        actor("c", op=""),
        actor("d", op="", site="step 2"),
    )
    assert told(actors(replace(EMPTY, actors=views), width=100)) == [
        "  a  cpu0  ready     lock m                                  atomic, m, pin fb (twice), kmap fb[0]",
        "  b  cpu0  ended     by ValueError: x",
        "  c  cpu0  ready     has not begun",
        "  d  cpu0  ready     goes to its next step",
    ]
