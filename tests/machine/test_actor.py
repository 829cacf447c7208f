from __future__ import annotations

from typing import Any

from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.tasks import Group
from tests.harness import execute


def actor(machine: Machine) -> Actor:
    async def work() -> None: ...

    return machine.task("a", work, cpu=1)


def test_an_actor_before_its_first_op_has_done_nothing() -> None:
    made = actor(Machine())
    assert made.state() == (False, 0, 0)
    assert (made.local, made.op, made.ended, made.groups) == (made.key, None, False, ())


def test_every_op_of_an_actor_reads_its_cpu_and_the_groups_that_it_is_in_and_has() -> None:
    machine = Machine()
    made, outer, own = actor(machine), Group(), Group()
    assert list(made.context) == [machine.cpus[1]]
    made.group, made.groups = outer, (own,)
    made.rescope()
    assert list(made.context) == [machine.cpus[1], outer, own]


def test_an_actor_of_the_environment_stands_on_no_cpu() -> None:
    nobody = Actor("clock", (9,), None, lambda: None, ())
    assert nobody.context == ()
    nobody.rescope()
    assert nobody.context == ()


def test_local_state_is_a_hash_of_the_results_received_and_of_nothing_else() -> None:
    def build(machine: Machine, other: int) -> None:
        seen, unseen = machine.cell("seen", 1), machine.cell("unseen", other)

        async def work() -> None:
            await unseen.store(other)
            await seen.load()

        machine.task("a", work)

    def local(other: int) -> Any:
        return execute(lambda machine: build(machine, other)).locals()

    assert local(1) == local(2)


def test_a_reset_forgets_all_that_an_execution_left() -> None:
    def build(machine: Machine) -> None:
        cell = machine.cell("c")

        async def work() -> None:
            await cell.load()
            raise ValueError("wrong")

        machine.task("a", work)

    made = execute(build).machine.actors[0]
    assert made.ended
    assert isinstance(made.failure, ValueError)
    made.reset()
    after: Any = made
    assert (after.ended, after.failure, after.local, after.last) == (False, None, made.key, 0)
