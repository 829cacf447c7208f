from __future__ import annotations

from dataclasses import replace

from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.progress import Progress
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import settle
from dmabuf_async.scenario.python import from_function
from dmabuf_async.strategies.calm import Calm


def test_a_witness_is_counted_once_an_execution_that_shows_it() -> None:
    def build(machine: Machine) -> None:
        async def body() -> None:
            for turn in range(3):
                await settle(turn, "step 1 load")
                await machine_cell.load()

        machine_cell = machine.cell("c")
        machine.task("t", body)

    program = replace(from_function(build), sometimes=("t reaches load", "t reaches store"))
    progress = Progress()
    for _ in range(2):
        machine = program.machines()()
        watch = Watch(machine)
        core = inline.execute(machine, Calm(), watch=watch)
        assert core is not None
        progress.note(program, watch, core)
    assert progress.witnesses == {"t reaches load": 2}
    assert (progress.executions, progress.steps, progress.cut) == (2, 6, 0)
