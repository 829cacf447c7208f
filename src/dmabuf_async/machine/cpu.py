"""CPUs: atomic context, in which nobody else of that CPU runs, and interrupts (PROTOCOL 4, "Atomic context").

Atomic context disables preemption, not interrupts: an IPI to such a CPU is answered at once. Only
turned-off interrupts delay the answer; and who turned them off is not preempted either, as in Linux.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor


class Hold(NamedTuple):
    """Why a CPU is in atomic context: who must not be preempted, and what for."""

    actor: Actor
    thing: Thing
    """An atomic mapping, a spinlock held or spun for, or the CPU itself: its interrupts are off."""
    irqs_off: bool | None = None
    """What spin_lock_irqsave saved: whether interrupts were off before. None: nothing was saved."""


class Cpu(Thing):
    """A processor. Its atomic context is a stack of holds."""

    __slots__ = ("_disable", "_enable", "_ipi", "atomic", "irqs_off", "number")
    STATE = ("atomic", "irqs_off")
    SYNCHRONISES = True
    KIND = "cpu"

    def __init__(self, number: int) -> None:
        super().__init__(f"cpu{number}")
        self.number = number  # negative: it is a device's, and runs no tasks of the kernel
        self.atomic: tuple[Hold, ...] = ()
        self.irqs_off = False  # implies a hold on the CPU itself
        self._disable = IrqDisable(self)
        self._enable = IrqEnable(self)
        self._ipi = Ipi(self)

    def local_irq_disable(self) -> IrqDisable:
        """Turn interrupts off: an IPI is not answered until they are on again. For an actor that stands here."""
        return self._disable

    def local_irq_enable(self) -> IrqEnable:
        """Turn them on, whatever was saved before."""
        return self._enable

    def smp_call_function(self) -> Ipi:
        """Send it an IPI and wait for the answer, which comes as soon as its interrupts are on."""
        return self._ipi

    def closed_to(self, actor: Actor) -> bool:
        """Whether another actor keeps this CPU in atomic context."""
        return bool(self.atomic) and self.atomic[-1].actor is not actor

    def owner(self) -> Actor | None:
        """The actor that keeps this CPU in atomic context."""
        return self.atomic[-1].actor if self.atomic else None

    def deaf(self) -> tuple[Actor, ...]:
        """Who must turn interrupts on before this CPU can answer an IPI."""
        return tuple(hold.actor for hold in self.atomic if hold.thing is self)

    def enter(self, actor: Actor, thing: Thing, irqs_off: bool | None = None) -> None:
        """``actor`` is not preempted here from now on."""
        self.atomic = (*self.atomic, Hold(actor, thing, irqs_off))

    def leave(self, thing: Thing) -> Hold | None:
        """The latest hold for ``thing`` is over; which it was."""
        holds = self.atomic
        for at in range(len(holds) - 1, -1, -1):
            if holds[at].thing is thing:
                self.atomic = holds[:at] + holds[at + 1 :]
                return holds[at]
        return None

    def turn_irqs(self, actor: Actor, *, off: bool) -> None:
        """Turn interrupts off or on."""
        if off and not self.irqs_off:
            self.enter(actor, self)
        elif not off:
            self.leave(self)
        self.irqs_off = off

    def answer(self, actor: Actor) -> None:
        """The CPU has answered an IPI of ``actor``: all that was done on it comes before what ``actor`` does next.

        So whoever calls this from an op writes the CPU.
        """
        past = self.past  # of those that have ended
        for other in self.pending:
            if other.cpu is self:  # and does not only wait for it
                past |= other.past
                other.epoch = 0
        actor.past |= past


class _CpuOp(Op):
    __slots__ = ("thing",)
    thing: Cpu

    def __init__(self, cpu: Cpu) -> None:
        self.thing = cpu

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"{self.kind} on {self.thing.name}"


class IrqDisable(_CpuOp):
    """local_irq_disable."""

    __slots__ = ()
    kind = "local_irq_disable"
    wakes = True

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.turn_irqs(actor, off=True)


class IrqEnable(_CpuOp):
    """local_irq_enable."""

    __slots__ = ()
    kind = "local_irq_enable"
    wakes = True

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.turn_irqs(actor, off=False)


class Ipi(_CpuOp):
    """An IPI to one CPU, and its answer: one op, made by whoever sends it (PROTOCOL 4, Granularity)."""

    __slots__ = ()
    kind = "ipi"
    parks = conditional = True
    owed = "whose interrupts {} keeps off"

    def enabled(self, actor: Actor) -> bool:
        cpu = self.thing
        return not cpu.irqs_off or actor.cpu is cpu  # to itself it just calls

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.answer(actor)

    def describe(self) -> str:
        return f"ipi to {self.thing.name}"

    def blockers(self, actor: Actor) -> tuple[Actor, ...]:
        return self.thing.deaf()
