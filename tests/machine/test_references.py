from __future__ import annotations

from typing import Any

from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.references import DropReference, TakeReference
from tests.harness import all_executions, execute, filled


def working(*verbs: str, user: bool = False) -> Any:
    def build(machine: Machine) -> Any:
        buffer = filled(machine)
        last: list[bool] = []

        async def work() -> None:
            for verb in verbs:
                if verb == "take":
                    await TakeReference(buffer)
                else:
                    last.append(await DropReference(buffer))

        machine.task("a", work, user=user)
        return lambda: (buffer.references, last)

    return build


def test_the_last_put_is_told_apart() -> None:
    ran = execute(working("take", "drop", "drop"), checkers=())
    assert ran.observed == (0, [False, True])


def test_nobody_takes_or_puts_a_reference_when_there_is_none() -> None:
    ran = execute(working("drop", "take", "drop"))
    assert ran.observed == (0, [True, False])
    assert [finding.message for finding in ran.findings if finding.code == "use-after-free"] == [
        "a takes a reference on b, which has been released",
        "a puts a reference on b, which has been released",
    ]


def test_a_kernel_task_that_keeps_its_reference_leaks_and_a_user_process_does_not() -> None:
    assert execute(working("take")).codes == ["leak-at-exit"]
    assert execute(working("take", "take", "drop")).codes == ["leak-at-exit"]
    assert execute(working("take", "drop")).codes == []
    assert execute(working("take", user=True)).codes == []


def test_a_reference_is_owed_by_who_took_it() -> None:
    def build(machine: Machine) -> None:
        buffer = filled(machine)

        async def take() -> None:
            await TakeReference(buffer)
            await DropReference(buffer)

        machine.task("a", take)
        machine.task("b", take, cpu=1)

    for ran in all_executions(build):
        assert ran.codes == []
        assert [taken.count for taken in ran.machine.taken.values()] == [0, 0]


def test_ops_say_what_they_do() -> None:
    buffer = filled(Machine())
    assert [op(buffer).describe() for op in (TakeReference, DropReference)] == ["dma_buf_get b", "dma_buf_put b"]


def test_only_the_last_put_touches_whether_the_buffer_lives() -> None:
    machine = Machine()
    buffer = filled(machine)
    actor = machine.task("a", lambda: None)
    put = DropReference(buffer)
    assert buffer.life in put.writes(actor)
    TakeReference(buffer).apply(actor, 0)
    assert buffer.life not in put.writes(actor)
    put.apply(actor, 0)
    assert not buffer.life.released
    put.apply(actor, 0)
    assert buffer.life.released
