"""The core of every engine: choose, apply, observe, park. It decides; engines only resume.

One execution is one Core. :meth:`Core.advance` runs until it is over, or, when
actors are *hosted* by tasks of an event loop, until one of them has to be resumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.engine.choosing import Choosing
from dmabuf_async.ops import CALM, CONDITIONAL, FALLIBLE, STRUCTURAL, WAKES
from dmabuf_async.strategies.base import STOP, RunInfo, let_attend

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.strategies.base import Strategy


class Core(Choosing):
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
        self.limit = self.max_steps = max_steps
        self.hosted = hosted
        self.tabled = machine.tabled and not hosted and (watch is None or not watch.audited)
        self.steps = 0
        self.choices: list[int] = []

    def begin(self, index: int = 0) -> bool:
        """Make the actors; False if the strategy has nothing left to explore."""
        names = tuple([actor.name for actor in self.machine.actors])
        if not self.strategy.start(RunInfo(index, names, self.max_steps)):
            return False
        self.populate()
        let_attend(self.strategy, self)
        return True

    def advance(self) -> Actor | None:  # noqa: C901 - the hot loop: calls would cost more than they tidy
        """Make steps. Returns a hosted actor to be resumed, or None when the run is over."""
        ready, started = self.ready, self.started
        chosen, point = self.choices.append, self.point
        choose, roll, pick, alone = self.strategy.choose, self.roll, self.pick, self.alone
        watch, hosted = self.watch, self.hosted
        current, steps, limit = self.current, self.steps, self.limit
        blind = 0 if watch is None else watch.blind
        if steps < blind:
            watch = None
        result: Any
        while True:
            if started:  # born, or settled: it is resumed before anything else happens
                actor = started.pop()
                result = None
            else:
                # Who ---------------------------------------------------------
                count = len(ready)
                if count > 1 and steps < limit:
                    if pick is not None:
                        actor = pick(current)
                        if actor is current:
                            chosen(0)
                        else:
                            self.current = current
                            chosen(self.place(actor))
                    else:
                        if roll is not None:
                            picked = int(roll() * count)
                        else:
                            self.current = current
                            point.n = count
                            picked = choose(point)
                            if not 0 <= picked < count:
                                self.refuse(picked, count)
                                break
                        chosen(picked)
                        # Canonical order is the current actor, then the others: `ready` without it
                        if not current.ready:
                            actor = ready[picked]
                        elif picked:
                            actor = ready[picked - 1]
                            if actor.path >= current.path:
                                actor = ready[picked]
                        else:
                            actor = current
                elif count and steps < limit:
                    actor = ready[0]
                    if alone is not None:
                        alone(actor)
                else:
                    self.steps, self.current = steps, current
                    picked_actor = self.who()
                    if picked_actor is None:
                        break
                    actor = picked_actor
                # What becomes of it, and what it does ------------------------
                op: Any = actor.op
                entry = actor.entry
                if entry is None:
                    needs, apply = actor.needs, op.apply
                else:
                    needs, apply = entry.needs, entry.apply
                outcome = CALM
                if needs >= FALLIBLE:
                    outcome = self.what(actor, op)
                    if outcome == STOP:
                        break
                steps += 1
                if watch is None:
                    result = apply(actor, outcome)
                    if steps == blind:
                        watch = self.watch
                        assert watch is not None
                        watch.see()
                else:
                    self.steps = steps
                    if watch.deep:
                        watch.before(actor, op)
                    written = op.writes(actor) if entry is None else entry.writes(actor)
                    result = apply(actor, outcome)
                    watch.after(actor, op, outcome, result, written)
                if needs:
                    pending = op.thing.pending if entry is None else entry.pending
                    if needs >= CONDITIONAL:
                        if needs & CONDITIONAL:
                            pending.remove(actor)
                        if needs >= STRUCTURAL:
                            result = self.after(actor, op, result)
                            limit = self.limit
                    if pending:
                        self.recheck(pending)
                    if needs >= CONDITIONAL and (actor.cpu is None or actor.ended):  # of the environment
                        self.repark(actor)
                        continue
                current = actor
            if hosted:
                actor.inbox = result
                self.steps, self.current = steps, current
                return actor
            # Up to its next op, an actor runs alone ------------------------------
            entry = actor.entry
            if entry is None:
                resume: Any = actor.resume
            else:
                known = entry.after.get(result)
                if known is not None and known[0] is result.__class__:
                    actor.entry = entry = known[1]
                    actor.local = entry.local
                    if entry.passed:
                        self.arrive(actor, entry.passed)
                    actor.op = op = entry.op
                    actor.needs = needs = entry.needs
                    if needs > WAKES:
                        if needs & CONDITIONAL:
                            entry.pending.append(actor)
                            if not op.enabled(actor) and actor.ready:
                                actor.ready = False
                                ready.remove(actor)
                            if watch is not None:
                                watch.parked(actor, op)
                        else:
                            self.park(actor, op)
                    elif op is None:
                        self.leave(actor)
                        limit = self.limit
                    continue
                resume = self.revive(actor, entry, result)
            try:
                actor.op = op = resume(result)
                actor.needs = needs = op.needs
            except StopIteration:
                if actor.trail is not None:
                    actor.trail.resumed(actor, result, None)
                self.leave(actor)
                limit = self.limit
                continue
            except BaseException as error:  # noqa: BLE001 - an actor's exception never leaves its host
                self.raised(actor, error)
                limit = self.limit
                continue
            if actor.trail is not None:
                actor.trail.resumed(actor, result, op)
            if needs > WAKES:
                self.park(actor, op)
        self.steps, self.current = steps, current
        return None

    def resume(self, actor: Actor) -> None:
        """Resume a hosted actor with what is in its inbox, up to its next op. For its host."""
        try:
            assert actor.resume is not None
            actor.op = op = actor.resume(actor.inbox)
            actor.needs = needs = op.needs
        except BaseException as error:  # noqa: BLE001 - an actor's exception never leaves its host
            self.raised(actor, error)
            return
        if needs > WAKES:
            self.park(actor, op)
