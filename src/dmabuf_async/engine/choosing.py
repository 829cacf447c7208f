"""The questions of an execution: who goes next, what becomes of an op, and whether anything is left."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dmabuf_async.engine.parking import BY_PATH, Parking
from dmabuf_async.ops import CALM, Op
from dmabuf_async.strategies.base import STOP, ChoicePoint, Option

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.strategies.base import Strategy


FEW: Final = 32
"""Among so many, to look at one after the other is as quick as to bisect."""


class Choosing(Parking):
    """Lists options in canonical order, and asks the strategy.

    A strategy that has a method ``attend`` is given this object when the actors have been made, and
    sets what it wants to be used beside :meth:`~dmabuf_async.strategies.base.Strategy.choose`.
    """

    strategy: Strategy
    choices: list[int]
    steps: int
    max_steps: int

    def __init__(self, machine: Machine, watch: Watch | None) -> None:
        super().__init__(machine, watch)
        self.point = ChoicePoint(self)
        # To ask costs more than to perform an op; what a random walk would answer can be drawn here
        self.roll: Callable[[], float] | None = None
        self.pick: Callable[[Actor], Actor] | None = None  # who goes next, if no fault can; given who is current
        self.alone: Callable[[Actor], None] | None = None  # told of a step before it is made that nobody chose
        self.stopped = ""

    def who(self) -> Actor | None:
        """Who goes next, when it takes more than a look; None if the run is over."""
        ready, faults = self.ready, self.faults
        if faults is not None:
            self.list_faults()
        if (faults is not None or not ready or not self.live) and self.is_over():
            return None
        if self.steps >= self.max_steps:
            self.stopped = "cut"
            return None
        count = len(ready) + (0 if faults is None else len(faults))
        if count == 1:
            only = self.option(0)
            if self.alone is not None:
                self.alone(only)
            return only
        self.point.n = count
        picked = self.strategy.choose(self.point)
        if not 0 <= picked < count:
            self.refuse(picked, count)
            return None
        self.choices.append(picked)
        return self.option(picked)

    def refuse(self, picked: int, count: int) -> None:
        """The answer to a choice point is not one of its options: STOP, or a mistake of the strategy."""
        if picked != STOP:
            raise IndexError(f"{type(self.strategy).__name__} chose {picked} of {count} options")
        self.stopped = "stopped"

    def option(self, index: int) -> Actor:
        """The actor that is option ``index`` in canonical order."""
        ready, current = self.ready, self.current
        if index >= len(ready):
            assert self.faults is not None
            return self.faults[index - len(ready)]
        if current.ready:
            if index == 0:
                return current
            if index <= ready.index(current):
                return ready[index - 1]
        return ready[index]

    def place(self, actor: Actor) -> int:
        """Which option an actor is that is ready."""
        ready, current = self.ready, self.current
        if actor is current:
            return 0
        index = ready.index(actor) if len(ready) <= FEW else bisect_left(ready, actor.path, key=BY_PATH)
        return index if not current.ready or current.path < actor.path else index + 1

    def options(self) -> list[Option]:
        """All answers to the question who goes next."""
        ready, current = self.ready, self.current
        if current.ready and ready[0] is not current:
            ready = [current, *[actor for actor in ready if actor is not current]]
        found = [Option(actor, actor.op, "") for actor in ready]  # type: ignore[arg-type]  # who is ready has one
        for actor in self.faults or ():
            assert actor.op is not None
            outcome = "" if actor.cpu is None else actor.op.outcomes(actor)[1]
            found.append(Option(actor, actor.op, outcome))
        return found

    def announced(self) -> list[Option]:
        """What every actor stands before."""
        return [Option(actor, actor.op, "") for actor in self.actors if actor.op is not None]

    def list_faults(self) -> None:
        """What the environment may do now: kill a process, evict or prefetch a line, fill a TLB, interrupt a wait."""
        assert self.faults is not None
        self.faults.clear()
        for killer in self._killers:
            assert killer.op is not None
            if killer.op.enabled(killer):
                self.faults.append(killer)
        cache = self.machine.cache
        if cache.evictions or cache.prefetches:
            self.faults += [whim for whim in self._whims if whim.op is not None and whim.op.enabled(whim)]
        if self.machine.speculation.fills:
            self.faults += self.speculating()
        if self.machine.faults.eintr:
            self.faults += [
                actor
                for actor in self.actors
                if not actor.ready
                and actor.op is not None
                and len(actor.op.outcomes(actor)) > 1
                and not (actor.cpu is not None and actor.cpu.closed_to(actor))
            ]

    def what(self, actor: Actor, op: Op) -> int:
        """What becomes of the op just picked: calm, unless it may fail and the strategy says so."""
        names = op.outcomes(actor)
        if not actor.ready:
            return 1  # it is blocked: only a fault lets it go on
        if len(names) == 1:
            return CALM
        picked = self.point.ask(self.strategy, [Option(actor, op, name) for name in names])
        if not 0 <= picked < len(names):
            self.refuse(picked, len(names))
            return STOP
        self.choices.append(picked)
        return picked

    def is_over(self) -> bool:
        """Whether nothing is left to do. Faults alone are no progress (DESIGN 4, Deadlock)."""
        if not self.live and self._clock is not None and self._clock.ready:
            self.unset_ready(self._clock)  # time goes on for daemons only as long as somebody needs them
        if self.ready:
            return False
        stuck = [actor for actor in self.actors if not actor.ended and not self.idles(actor)]
        self.stopped = "deadlock" if stuck else "ended"
        return True

    def idles(self, actor: Actor) -> bool:
        """Whether it is a daemon with nothing to do: such waits never count."""
        op = actor.op
        return actor.daemon and (getattr(op, "idle", False) or (op is not None and op.thing is self.machine.clock))
