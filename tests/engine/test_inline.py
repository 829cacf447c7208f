"""Inline: drives coroutines itself, pauses if it is asked to, leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.calm import Calm
from dmabuf_async.strategies.random_walk import RandomWalk


def machine_of_two(over: list[str]) -> Machine:
    machine = Machine()
    cell = machine.cell("x")

    async def work(name: str) -> None:
        try:
            await cell.add(1)
            await cell.add(1)
        finally:
            over.append(name)

    machine.task("a", work, "a")
    machine.task("b", work, "b")
    machine.seal()
    return machine


def test_a_pause_is_made_after_each_step_and_changes_nothing() -> None:
    traces = []
    pauses: list[int] = []
    for pause in (None, lambda: pauses.append(1)):
        machine = machine_of_two([])
        watch = Watch(machine, CHECKERS, footprints=True)
        core = inline.execute(machine, RandomWalk(2), watch=watch, pause=pause)
        assert core is not None
        traces.append((watch.trace(core), core.choices, [actor.local for actor in core.actors], machine.fingerprint))
    assert traces[0] == traces[1]
    assert len(pauses) == 4 + 2


def test_what_a_pause_raises_comes_out_and_everybody_has_ended() -> None:
    over: list[str] = []

    def pause() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inline.execute(machine_of_two(over), Calm(), pause=pause)
    assert over == ["a"]  # the other has not begun


def test_a_strategy_with_nothing_left_makes_no_execution() -> None:
    class Nothing(Calm):
        def start(self, run: Any) -> bool:
            return False

    assert inline.execute(machine_of_two([]), Nothing()) is None


def test_it_loads_no_event_loop() -> None:
    script = (
        "import sys; from dmabuf_async.engine import inline; from dmabuf_async.explore import execution; "
        "print(sorted({'anyio', 'trio', 'asyncio', 'rich', 'click'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
