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
def _(step: locks.Trylock, on: Objects) -> Act:
    op = on.mutexes[step.mutex].try_lock()
    return lambda _: op


@act.register
def _(step: locks.SpinLock, on: Objects) -> Act:
    op = on.spinlocks[step.spinlock].lock()
    return lambda _: op


@act.register
def _(step: locks.SpinTrylock, on: Objects) -> Act:
    op = on.spinlocks[step.spinlock].try_lock()
    return lambda _: op


@act.register
def _(step: locks.SpinUnlock, on: Objects) -> Act:
    op = on.spinlocks[step.spinlock].unlock()
    return lambda _: op


@act.register
def _(step: locks.SpinLockIrqsave, on: Objects) -> Act:
    op = on.spinlocks[step.spinlock].lock_irqsave()
    return lambda _: op


@act.register
def _(step: locks.SpinUnlockIrqrestore, on: Objects) -> Act:
    op = on.spinlocks[step.spinlock].unlock_irqrestore()
    return lambda _: op


@act.register
def _(step: locks.DownRead, on: Objects) -> Act:
    op = on.rwsems[step.rwsem].down_read()
    return lambda _: op


@act.register
def _(step: locks.DownReadTrylock, on: Objects) -> Act:
    op = on.rwsems[step.rwsem].down_read_trylock()
    return lambda _: op


@act.register
def _(step: locks.UpRead, on: Objects) -> Act:
    op = on.rwsems[step.rwsem].up_read()
    return lambda _: op


@act.register
def _(step: locks.DownWrite, on: Objects) -> Act:
    op = on.rwsems[step.rwsem].down_write()
    return lambda _: op


@act.register
def _(step: locks.DownWriteTrylock, on: Objects) -> Act:
    op = on.rwsems[step.rwsem].down_write_trylock()
    return lambda _: op


@act.register
def _(step: locks.UpWrite, on: Objects) -> Act:
    op = on.rwsems[step.rwsem].up_write()
    return lambda _: op


@act.register
def _(_step: locks.LocalIrqDisable, on: Objects) -> Act:
    op = on.cpu.local_irq_disable()
    return lambda _: op


@act.register
def _(_step: locks.LocalIrqEnable, on: Objects) -> Act:
    op = on.cpu.local_irq_enable()
    return lambda _: op


@act.register
def _(step: locks.SmpCallFunction, on: Objects) -> Act:
    op = on.machine.cpus[step.cpu].smp_call_function()
    return lambda _: op


@act.register
def _(step: locks.Read, on: Objects) -> Act:
    op = on.cells[step.cell].load()
    return lambda _: op


@act.register
def _(step: locks.Write, on: Objects) -> Act:
    op = on.cells[step.cell].store(step.value)
    return lambda _: op


@act.register
def _(step: locks.Set, on: Objects) -> Act:
    op = on.cells[step.cell].store_release(step.value)
    return lambda _: op


@act.register
def _(step: locks.Wait, on: Objects) -> Act:
    op = on.cells[step.cell].wait(step.is_, step.value, interruptible=step.interruptible)
    return or_error(step.on_error, lambda _: op)


@act.register
def _(step: locks.Sleep, on: Objects) -> Act:
    clock, ticks = on.machine.clock, step.ticks
    return lambda _: clock.sleep(ticks)
