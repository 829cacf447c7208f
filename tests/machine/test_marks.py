from __future__ import annotations

from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.marks import Mark, Marks
from tests.harness import execute


def test_a_mark_says_what_who_and_to_what() -> None:
    machine = Machine()

    async def work() -> None: ...

    actor, marks = machine.task("a", work), Marks()
    marks.add("double-unlock", actor, machine.clock, "unlocks it")
    marks.add("kmap-limit", actor, machine.clock)
    assert marks == [
        Mark("double-unlock", actor, machine.clock, "unlocks it"), Mark("kmap-limit", actor, machine.clock, ""),
    ]  # fmt: skip


def test_marks_are_those_of_one_step_and_a_code_that_nobody_watches_is_dropped() -> None:
    def build(machine: Machine) -> None:
        mutex = machine.mutex("m")

        async def work() -> None:
            await mutex.unlock()
            await mutex.unlock()

        machine.task("a", work)

    assert len(execute(build).findings) == 2
    ran = execute(build, checkers=())
    assert ran.findings == []
    assert ran.machine.marks == []
