"""The core of every engine: choose, apply, observe, park. It decides; engines only resume.

One execution is one Core. :meth:`Core.advance` runs until it is over, or, when
actors are *hosted* by tasks of an event loop, until one of them has to be resumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.engine.parking import Parking
from dmabuf_async.ops import CALM
from dmabuf_async.strategies.base import STOP, RunInfo

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.strategies.base import Strategy

MAX_STEPS = 10_000
"""Where an execution is cut, unless told otherwise (DESIGN 7)."""


class Core(Parking):
    """One execution of a program: a pure function of (program, answers of the strategy).

    ``choices`` are the answers given so far: together with the program they are
    the execution. ``stopped`` says why it ended: ``ended`` (all tasks ended),
    ``deadlock``, ``cut`` (at ``max_steps``) or ``stopped`` (the strategy said STOP).
    """

    def __init__(
        self,
        machine: Machine,
        strategy: Strategy,
        *,
        watch: Watch | None = None,
        max_steps: int = MAX_STEPS,
        hosted: bool = False,
    ) -> None:
        super().__init__(machine, watch)
        self.strategy = strategy
        self.max_steps = max_steps
        self.hosted = hosted
        self.steps = 0
        self.choices: list[int] = []

    def begin(self, index: int = 0) -> bool:
        """Make the actors; False if the strategy has nothing left to explore."""
        names = tuple(actor.name for actor in self.machine.actors)
        if not self.strategy.start(RunInfo(index, names, self.max_steps)):
            return False
        self.populate()
        return True

    def advance(self) -> Actor | None:
        """Make steps. Returns a hosted actor to be resumed, or None when the run is over."""
        ready, faults, todo = self.ready, self.faults, self.todo
        choices, point = self.choices, self.point
        choose, watch, hosted = self.strategy.choose, self.watch, self.hosted
        current, steps, max_steps = self.current, self.steps, self.max_steps
        result: Any
        while True:
            if todo:
                actor = todo.pop()
                result = None
            else:
                # Who ---------------------------------------------------------
                count = len(ready)
                if faults is not None:
                    self.list_faults()
                    if self.is_over():
                        break
                    count += len(faults)
                elif not count or not self.live:
                    if self.is_over():
                        break
                    count = len(ready)
                if steps >= max_steps:
                    self.stopped = "cut"
                    break
                if count > 1:
                    point.n = count
                    picked = choose(point)
                    if not 0 <= picked < count:
                        if picked != STOP:
                            raise IndexError(f"{type(self.strategy).__name__} chose {picked} of {count} options")
                        self.stopped = "stopped"
                        break
                    choices.append(picked)
                    actor = self.option(picked)
                else:
                    actor = ready[0]
                # What becomes of it, and what it does ------------------------
                steps += 1
                op = actor.op
                assert op is not None
                outcome = CALM
                if op.fallible or not actor.ready:
                    self.steps = steps
                    outcome = self.choose_outcome(actor, op)
                    if outcome == STOP:
                        self.stopped = "stopped"
                        steps -= 1
                        break
                if watch is None:
                    result = op.apply(actor, outcome)
                else:
                    self.steps = steps
                    written = watch.before(actor, op, outcome)
                    result = op.apply(actor, outcome)
                    watch.after(actor, op, outcome, result, written)
                if op.parks:
                    result = self.unpark(actor, op, result)
                if op.wakes and op.thing.pending:
                    self.recheck(op.thing)
                if actor.resume is None:  # the environment
                    self.repark(actor, op)
                    continue
                self.current = current = actor
            if hosted:
                actor.inbox = result
                self.steps = steps
                return actor
            # Resume: up to the next op, the actor runs alone --------------------
            try:
                actor.op = op = actor.resume(result)  # type: ignore[misc]  # todo holds real actors only
                parks = op.parks
            except BaseException as error:  # noqa: BLE001 - an actor's exception never leaves its host
                self.steps = steps
                self.raised(actor, error)
                continue
            if parks:
                self.steps = steps
                self.park(actor, op)
        self.current = current
        self.steps = steps
        return None

    def resume(self, actor: Actor) -> None:
        """Resume a hosted actor with what is in its inbox, up to its next op. For its host."""
        try:
            assert actor.resume is not None
            actor.op = op = actor.resume(actor.inbox)
            parks = op.parks
        except BaseException as error:  # noqa: BLE001 - an actor's exception never leaves its host
            self.raised(actor, error)
            return
        if parks:
            self.park(actor, op)
