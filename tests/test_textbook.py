"""The numbers that the literature gives, wherever brute force can count that far."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from benchmarks.textbook import COUNTS, filesystem, indexer, own_stores, philosophers, readers
from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.calm import Calm
from tests.brute import Class, Everything, brute, class_of

Build = Callable[[Machine], object]

pytestmark = pytest.mark.unaudited  # they are many

SMALL = [
    "A: 3 actors, 3 rounds of lock, load, store, unlock", "C2: 3 actors, 2 increments of one counter",
    "D: one writer, 2 readers", "D: one writer, 3 readers", "D: one writer, 4 readers", "D: one writer, 5 readers",
    "lastzero(2)", "lastzero(3)", "2 writers", "3 writers", "4 writers", "5 writers", "read-then-write(2)",
    "read-then-write(3)", "read-then-write(4)", "2 counters under one lock", "3 counters under one lock",
    "4 counters under one lock", "5 counters under one lock",
]  # fmt: skip


def everything(build: Build, limit: int = 3_000) -> Everything:
    found = brute(build, checkers=CHECKERS, limit=limit)
    assert found is not None
    return found


def calm(build: Build) -> Class:
    """The class of the calm execution."""
    machine = Machine()
    build(machine)
    machine.seal()
    watch = Watch(machine, footprints=True)
    core = inline.execute(machine, Calm(), watch=watch)
    assert core is not None
    assert watch.steps is not None
    return class_of(watch.steps, core.stopped)


def only(build: Build, *names: str) -> Build:
    """The same program with these of its actors."""

    def part(machine: Machine) -> None:
        whole: Any = machine.task
        task: Any = lambda name, *rest, **more: whole(name, *rest, **more) if name in names else None  # noqa: E731
        machine.task = task  # type: ignore[method-assign]
        build(machine)

    return part


def independent(found: Class) -> bool:
    """Whether no step comes after one of another actor: then all executions are of this class."""
    return all(
        sum(event.past) == event.past[number] for number, (_, events) in enumerate(found.actors) for event in events
    )


@pytest.mark.parametrize("name", SMALL)
def test_a_textbook_program_has_the_published_number_of_classes_and_no_finding(name: str) -> None:
    build, classes = COUNTS[name]
    found = everything(build)
    assert len(found.classes) == classes
    assert not found.findings


def test_stores_to_cells_of_ones_own_have_one_class_and_the_states_of_a_grid() -> None:
    found = everything(partial(own_stores, n=3, stores=2))
    assert (len(found.classes), len(found.states)) == (1, 27)
    assert independent(calm(own_stores))


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_n_readers_have_3_to_the_n_states_after_the_write_and_2_to_the_n_before(n: int) -> None:
    assert len(everything(partial(readers, n=n)).states) == 3**n + 2**n


def test_no_two_messages_of_11_indexers_collide_and_3_of_12_do() -> None:
    assert independent(calm(partial(indexer, n=11)))
    assert not independent(calm(partial(indexer, n=12)))
    assert len(everything(only(partial(indexer, n=12), "thread0", "thread11")).classes) == 8


def test_no_two_of_13_threads_of_the_filesystem_collide_and_2_of_14_do() -> None:
    assert independent(calm(partial(filesystem, n=13)))
    assert not independent(calm(partial(filesystem, n=14)))
    assert len(everything(only(partial(filesystem, n=14), "thread0", "thread13"), limit=20_000).classes) == 2


def test_philosophers_may_starve() -> None:
    found = everything(partial(philosophers, n=2))
    assert {signature.code for signature in found.findings} == {"deadlock", "lock-order"}
