"""How tasks lock, tell each other things, and wait."""

from __future__ import annotations

from dmabuf_async.scenario.steps.base import Act, Objects, act, or_error
from dmabuf_async.scenario.verbs import locks


@act.register
def _(step: locks.Lock, on: Objects) -> Act:
    op = on.mutexes[step.mutex].lock()
    return lambda _: op


@act.register
def _(step: locks.Unlock, on: Objects) -> Act:
    op = on.mutexes[step.mutex].unlock()
    return lambda _: op


@act.register
def _(step: locks.Set, on: Objects) -> Act:
    op = on.cells[step.cell].store(step.value)
    return lambda _: op


@act.register
def _(step: locks.Wait, on: Objects) -> Act:
    op = on.cells[step.cell].wait(step.is_, step.value, interruptible=step.interruptible)
    return or_error(step.on_error, lambda _: op)


@act.register
def _(step: locks.Sleep, on: Objects) -> Act:
    clock, ticks = on.machine.clock, step.ticks
    return lambda _: clock.sleep(ticks)
