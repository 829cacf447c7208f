from __future__ import annotations

from dmabuf_async.explore.execution import execute
from dmabuf_async.explore.reordering import places, reordered
from dmabuf_async.scenario import catalogue
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk
from dmabuf_async.strategies.reordered import Reordered


def test_what_actors_wait_for_at_the_end_is_told_as_steps_that_never_came() -> None:
    program = catalogue.load("scenarios/kmap/two-importers.toml")
    stuck = next(
        one
        for seed in range(50)
        if (one := execute(program, RandomWalk(seed))) is not None and one.stopped == "deadlock"
    )
    again = reordered(program, Reordered(list(places(stuck.trace.events))))
    assert again is not None
    assert again.stopped == "deadlock"
    assert {(event.step, event.kind) for event in again.trace.waiting} == {(0, "map")}
    assert all("kmap slots" in event.writes for event in again.trace.waiting)


def test_an_execution_that_is_cut_is_none() -> None:
    program = catalogue.load("scenarios/kmap/two-importers.toml")
    calm = execute(program, Calm())
    assert calm is not None
    order = list(places(calm.trace.events))
    assert reordered(program, Reordered(order), calm.steps) is not None
    assert reordered(program, Reordered(order), calm.steps - 1) is None


def test_a_place_counts_the_steps_of_its_actor_from_nought() -> None:
    calm = execute(catalogue.load("scenarios/kmap/two-importers.toml"), Calm())
    assert calm is not None
    found = list(places(calm.trace.events))
    for actor in ("one", "two"):
        assert [one.place.nth for one in found if one.place.actor == actor] == list(
            range(sum(one.place.actor == actor for one in found))
        )
