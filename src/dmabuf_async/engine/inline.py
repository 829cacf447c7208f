"""The inline engine: drives coroutines itself, without an event loop. The fast one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.engine.core import MAX_STEPS, Core
from dmabuf_async.errors import RunOver

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
) -> Core | None:
    """Run the program on a fresh machine to its end; None if the strategy has nothing left.

    Whatever happens, no coroutine is left suspended: what remains at the end, or
    when an interrupt comes, is thrown ``RunOver``.
    """
    core = Core(machine, strategy, watch=watch, max_steps=max_steps)
    try:
        if not core.begin(index):
            return None
        core.advance()
        if watch is not None:
            watch.over(core)
    finally:
        for actor in core.wind_down():
            core.throw(actor, RunOver())
    return core
