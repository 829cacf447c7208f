from __future__ import annotations

from typing import Any

from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.profile import Profile
from dmabuf_async.tasks import Group
from dmabuf_async.thing import key_of
from tests.harness import execute


def profiled(build: Any, times: int = 1) -> Profile:
    profile = Profile()

    class First:
        """The first that is ready, told to the profile."""

        def start(self, run: Any) -> bool:
            return True

        def attend(self, run: Any) -> None:
            run.pick, run.alone = lambda _: pick(run.ready[0]), profile.step

        def choose(self, point: Any) -> int:
            raise AssertionError

    def pick(actor: Any) -> Any:
        profile.step(actor)
        return actor

    for _ in range(times):
        execute(build, First())
        profile.end()
    return profile


def program(machine: Machine) -> None:
    shared, looked, own = machine.counter("shared"), machine.counter("looked"), machine.counter("own")

    async def one() -> None:
        await shared.store(1)
        await looked.load()
        await own.add(1)

    async def two() -> None:
        await shared.load()
        await shared.load()
        await looked.load()

    machine.task("one", one)
    machine.task("two", two)


def test_it_counts_steps_by_path_and_those_that_nobody_chose_too() -> None:
    assert profiled(program).steps == {(0,): 3, (1,): 3}


def test_objects_are_shared_if_several_access_them_and_one_of_these_writes() -> None:
    [accesses] = profiled(program).shared
    assert accesses == (key_of("counter shared"), 3, {(0,): 1, (1,): 2})


def test_of_several_executions_the_most_counts() -> None:
    assert profiled(program, times=3).steps == {(0,): 3, (1,): 3}


def test_a_parent_has_the_steps_of_its_descendants() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def child() -> None:
            for _ in range(4):
                await cell.load()

        async def parent() -> None:
            async with Group() as group:
                await group.spawn(child)

        machine.task("parent", parent)

    profile = profiled(build)
    assert profile.steps[0, 0] == 4
    assert profile.subtrees() == {(0,): profile.steps[0,] + 4, (0, 0): 4}
