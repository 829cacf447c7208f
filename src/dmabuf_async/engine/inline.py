"""The inline engine: drives coroutines itself, without an event loop. The fast one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.running import RunningLoop

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.strategies.base import Strategy


def execute(
    machine: Machine,
    strategy: Strategy,
    *,
    watch: Watch | None = None,
    max_steps: int = MAX_STEPS,
    index: int = 0,
    pause: Callable[[], None] | None = None,
) -> Core | None:
    """Run the program on a fresh machine to its end; None if the strategy has nothing left.

    ``pause`` is called after each step, when whoever made it stands before the next op.
    Whatever happens, no coroutine is left suspended: what remains at the end, or
    when an interrupt comes, is thrown ``RunOver``. In a program that runs an event loop,
    actors don't see it.
    """
    loop = RunningLoop()
    hosted = pause is not None or loop.found  # by nobody: then each is resumed here
    core = Core(machine, strategy, watch=watch, max_steps=max_steps, hosted=hosted)
    try:
        if not core.begin(index):
            return None
        while (actor := core.advance()) is not None:  # only if it is hosted
            loop.call(core.resume, actor)
            if pause is not None:
                pause()
        if watch is not None:
            watch.over(core)
    finally:
        core.wind_down(loop.call)
    return core
