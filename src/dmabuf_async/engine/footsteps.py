"""What a :class:`~dmabuf_async.strategies.dpor.Dpor` learns of an execution: what each step touches, and its races."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dmabuf_async.engine.hindsight import Hindsight
from dmabuf_async.engine.objects import Objects, Touched, is_steady, state_of
from dmabuf_async.engine.watch import Watch
from dmabuf_async.ops import CONDITIONAL, FALLIBLE, STRUCTURAL
from dmabuf_async.strategies.races import Race
from dmabuf_async.strategies.wakeup_tree import Transition
from dmabuf_async.tasks import Join

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker, Found
    from dmabuf_async.engine.choosing import Choosing
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.ops import Op


class Footsteps(Watch):
    """Watches one execution for DPOR."""

    def __init__(
        self, machine: Machine, checkers: Iterable[Checker], objects: Objects, *, footprints: bool = False
    ) -> None:
        super().__init__(machine, checkers, footprints=footprints)
        self._objects = objects
        self._tree = tree = objects.tree
        objects.steady = min(objects.steady, tree.replayed)
        del objects.steps[tree.replayed :]
        self.hashes = self.steps is not None  # else nobody asks
        if not self.hashes and not self.deep:
            self.blind = objects.steady
        self.deep = True
        tree.look = self
        self._hindsight = Hindsight(machine, objects)
        self._pending: list[Race] | None = None  # at a blocked node: the machine may go on from there

    # Steps ---------------------------------------------------------------------

    def before(self, actor: Actor, op: Op) -> None:
        if self._taint is not None or self.steps is not None or actor.judged is not None:
            super().before(actor, op)
        tree, hindsight = self._tree, self._hindsight
        if hindsight.standing:
            hindsight.after()
        if tree.blocked:
            return
        number, objects = self.step, self._objects
        if number < objects.steady:
            return
        known = objects.steps[number][0] if number < len(objects.steps) else None
        if known is None or is_steady(actor, op):
            touched = objects.touch(actor, op)
            if number >= tree.replayed and not self._make(actor, op, touched):
                return
        else:  # it is made again, by others who are called the same
            touched = known.by(actor, op)
        if touched.steady:  # it touches nothing but its thing
            before = [(op.thing, op.thing.state_of(op.thing))] if touched.writes else []
        else:
            before = [(thing, state_of(thing)) for thing in op.writes(actor)]
        objects.steps[number : number + 1] = [(touched, before)]
        if touched.steady and objects.steady == number and self._taint is None:
            objects.steady = number + 1
        if actor.needs & STRUCTURAL:
            hindsight.before(actor, op, number)

    def see(self) -> None:
        super().see()
        for number, (touched, _) in enumerate(self._objects.steps[: self.blind], 1):
            touched.actor.last = number
        self.machine.marks.clear()  # of which no checker made anything

    def state(self, found: Found, step: int | None = None) -> None:
        """Turn it into a finding, which is to be seen by every execution that comes here again."""
        objects = self._objects
        objects.steady = max(0, min(objects.steady, self.step - 1))
        super().state(found, step)

    def _make(self, actor: Actor, op: Op, touched: Touched) -> bool:
        """Tell of a step that no execution before this one made here; False if it need not be made."""
        reads, writes, step = touched.reads, touched.writes, touched.step
        tree = self._tree
        order = tree.order
        alternatives: Sequence[str] = ()
        if not actor.ready:
            step = step.coming_to("" if actor.cpu is None else op.outcomes(actor)[-1], 0)
        elif actor.needs & FALLIBLE:
            outcomes = op.outcomes(actor)
            if len(outcomes) > 1:
                outcome = tree.outcome()
                step = step.coming_to(outcome, len(outcomes))
                alternatives = [other for other in outcomes if other != outcome]
        latest = order.latest.get(step.actor, -1)
        past = own = order.pasts[latest] if latest >= 0 else self._hindsight.own(actor)
        conflicting = order.conflicting(reads, writes)
        races: Sequence[Race] = ()
        if conflicting & ~own:
            past = order.closure(own, conflicting)
            races = self._races(actor, op, conflicting, own)
        if op.__class__ is Join:
            past |= self._children(op)
        return tree.made(step, past, reads, writes, races, alternatives)

    def _children(self, op: Any) -> int:
        past = 0
        for child in op.thing.children:
            past |= self._hindsight.own(child)
        return past

    def transition(self, actor: Actor, op: Op, outcome: str, shares: int) -> Transition:
        step = self._objects.touch(actor, op).step
        return step if shares == 1 and not outcome else step.coming_to(outcome, shares)

    # Races -----------------------------------------------------------------------

    def _races(self, actor: Actor, op: Op, conflicting: int, own: int) -> list[Race]:
        """Races of the op that ``actor`` stands before, in which it is the second."""
        order = self._tree.order
        end = len(order.pasts)
        closing = 0 if actor.cpu is None else order.writing(self._objects.numbers[actor.cpu.key])
        if not closing and not op.needs & (STRUCTURAL | FALLIBLE) and op.steady(actor):
            touched = self._objects.touch(actor, op)
            if not op.needs & CONDITIONAL:
                return [Race(first, touched.step, end) for first in order.latest_of(conflicting, own)]
            thing = op.thing
            now = thing.state_of(thing)
            steady = list(order.racing(conflicting, own, end, self._steadily(touched, conflicting)))
            thing.restore(now)
            return steady

        def possible(firsts: int) -> tuple[list[Transition], int]:
            return self._hindsight.imagine(actor, op, order.after(firsts, end))

        races = list(order.racing(conflicting, own, end, possible))
        if op.needs & CONDITIONAL and actor.cpu is not None:
            # It may be disabled for two reasons that know nothing of one another: then it must come before both.
            closing &= conflicting & ~own
            while closing:
                first = closing.bit_length() - 1
                closing ^= 1 << first
                others = conflicting & ~own & ~order.pasts[first] & ~order.after(1 << first, end)
                if others and not possible(1 << first)[0]:
                    races += order.racing(others, own, end, possible, 1 << first)
        return races

    def _steadily(self, touched: Touched, conflicting: int) -> Callable[[int], tuple[list[Transition], int]]:
        """What :meth:`Hindsight.imagine` says of a steady op: it asks for nothing but the state of its own thing.

        That is left as it was last imagined.
        """
        actor, op = touched.actor, touched.op
        thing, pasts, made = op.thing, self._tree.order.pasts, self._objects.steps
        writing = self._tree.order.writing(self._objects.numbers[thing.key])
        now = thing.state_of(thing)
        steps = [touched.step]

        def possible(firsts: int) -> tuple[list[Transition], int]:
            left = writing & -(firsts & -firsts)  # none before the first of them comes after one of them
            while left:
                bit = left & -left
                left ^= bit
                at = bit.bit_length() - 1
                if pasts[at] & firsts:
                    for other, state in made[at][1]:
                        if other is thing:
                            thing.restore(state)
                    break
            else:
                thing.restore(now)
            return (steps if op.enabled(actor) else []), conflicting

        return possible

    def again(self, race: Race) -> Transition | None:
        touched, _ = self._objects.steps[race.until]
        actor = touched.actor
        stands = actor.context, actor.locks
        actor.context, actor.locks = touched.context, touched.locks
        try:
            excluded = self._tree.order.after(1 << race.first | race.also, len(self._tree.order))
            possible, _ = self._hindsight.imagine(actor, touched.op, excluded)
        finally:
            actor.context, actor.locks = stands
        return next((step for step in possible if step.outcome == race.second.outcome), None)

    # The end -----------------------------------------------------------------------

    def blocked(self) -> None:
        if self._hindsight.standing:
            self._hindsight.after()
        self._pending = [*self._waiting(), *self._unwinding()]

    def _waiting(self, late: list[tuple[Transition, int]] | None = None) -> Iterator[Race]:
        """Races of all that is announced and has not been performed: it might have been, in another order.

        What is a fault, and could be performed even now, is noted in ``late``, with what comes before it.
        """
        core = self._hindsight.core
        order = self._tree.order
        for actor in (*core.actors, *core.environment()):
            op = actor.op
            if op is None or actor.ended:
                continue
            touched = self._objects.touch(actor, op)
            conflicting, own = order.conflicting(touched.reads, touched.writes), self._hindsight.own(actor)
            if late is not None and not actor.ready:
                for outcome in self._hindsight.possible(actor, op, 0)[0]:
                    if outcome or actor.cpu is None:
                        fault = touched.step.coming_to(outcome, 0)
                        late.append((fault, order.closure(own, conflicting)))
            if conflicting & ~own:
                yield from self._races(actor, op, conflicting, own)

    def _unwinding(self) -> Iterator[Race]:
        """Races of what was not performed since its actor was cancelled: it might have been, had others been quicker.

        What lets it go on may have been done after the unwind.
        """
        unwound = self._hindsight.unwound
        if not unwound:
            return
        order, born = self._tree.order, self._objects.born
        made = [touched for touched, _ in self._objects.steps[: len(order)]]
        for at, step in enumerate(made):
            if step.op not in unwound:
                continue
            actor = step.actor
            before = max((other for other in range(at) if made[other].actor is actor), default=born.get(actor.path))
            own = 0 if before is None else order.pasts[before]
            stands = actor.context, actor.locks
            actor.context, actor.locks = step.context, step.locks
            try:
                yield from self._races(actor, step.op, order.pasts[at] & ~(1 << at), own)
                yield from self._unwound_and_disabled(actor, step.op, own)
            finally:
                actor.context, actor.locks = stands

    def _unwound_and_disabled(self, actor: Actor, op: Op, own: int) -> Iterator[Race]:
        """Races of what would have been disabled, had its actor not been cancelled: it must come before both."""
        order = self._tree.order
        end = len(order.pasts)
        cancels = self._hindsight.cancelling(actor, op)
        before = order.closure(0, cancels)

        def possible(firsts: int) -> tuple[list[Transition], int]:
            return self._hindsight.imagine(actor, op, order.after(firsts, end))

        seconds, conflicting = possible(cancels)
        stopping = conflicting & ~own & ~before & ~order.after(cancels, end)
        if stopping and not seconds:
            yield from order.racing(stopping, own, end, possible, cancels)

    def over(self, core: Choosing) -> None:
        super().over(core)
        late: list[tuple[Transition, int]] = []
        if self._pending is None:
            if self._hindsight.standing:
                self._hindsight.after()
            self._pending = [] if core.stopped == "cut" else list(self._waiting(late))
            self._pending += self._unwinding()
        self._tree.end(self._pending, late)
