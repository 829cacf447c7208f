"""The stepper: makes one transition at a time, says which state it leads to, and takes it back.

It is what the state graph walks with. :class:`~dmabuf_async.engine.core.Core` makes whole executions; this makes
the same steps in the same way, but every actor goes by its table (``DESIGN`` 2: "where the table knows, no
coroutine is resumed"), so that a step can be undone: the machine puts back what the op touched, and an actor's
place is one reference.

A program whose tables don't reach (a group is cancelled, a child belongs to one coroutine of its parent) raises
:class:`Untabled`; then ``live`` steppers resume coroutines, and to go back means to begin anew.
"""

from __future__ import annotations

from collections.abc import Hashable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from dmabuf_async.engine.advancing import Advancing
from dmabuf_async.engine.parking import BY_PATH
from dmabuf_async.engine.remembered import Remembered
from dmabuf_async.ops import CALM, CONDITIONAL, FALLIBLE, STRUCTURAL, WAKES, Op
from dmabuf_async.tasks import Deliver, Fail, Group

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.thing import Thing

Move: TypeAlias = "tuple[Actor, int]"
"""A transition: who, and which outcome its op has."""


class Tree(NamedTuple):
    """What an op of a group may change of the tree of actors."""

    group: Group
    owner: Actor | None
    children: tuple[Actor, ...]
    told: bool
    groups: tuple[Group, ...]
    """Those that the actor has open, and what follows from them."""
    context: tuple[Thing, ...]
    cancelled: bool
    spawned: int
    actors: int
    """How many had been born."""


class Taken(NamedTuple):
    """What :meth:`Stepper.undo` puts back."""

    actor: Actor
    place: tuple[Any, ...]
    things: list[tuple[Thing, Any, int]]
    memory: list[tuple[Thing, Any]]
    """What is remembered otherwise now, and how it was."""
    minds: list[Any]
    ready: list[Actor]
    machine: tuple[Any, ...]
    watch: tuple[Any, ...]
    tree: Tree | None
    """The tree of actors, if the op is one of a group."""


MIND: Final = attrgetter("past", "epoch", "locks", "stuck")
"""What checkers remember of an actor, whoever's step changes it."""


class Stepper(Advancing):
    """One machine, at one state of one program. ``live``: coroutines are resumed, and nothing can be undone."""

    def __init__(self, machine: Machine, watch: Watch, memories: dict[Hashable, int], *, live: bool = False) -> None:
        super().__init__(machine, watch, live=live)
        self._memories = memories
        self._remembered = Remembered(machine, memories)
        self.populate()
        try:
            while self.started:
                self.forward(self.started.pop(), None)
        except BaseException:
            self.close()
            raise
        self._minds = [MIND(actor) for actor in self.actors]
        self._refresh()
        for actor in self.actors:
            if actor.needs > WAKES and actor.op is not None:
                watch.parked(actor, actor.op)

    # What can happen -----------------------------------------------------------

    def moves(self) -> list[Move]:
        """All transitions of this state; none if it is an end, and then ``stopped`` says of which kind."""
        found: list[Move] = []
        for actor in self.ready:
            if actor.needs & FALLIBLE:
                assert actor.op is not None
                found += [(actor, outcome) for outcome in range(len(actor.op.outcomes(actor)))]
            else:
                found.append((actor, CALM))
        if not found:
            stuck = any(not actor.ended and not self.idles(actor) for actor in self.actors)
            self.stopped = "deadlock" if stuck else "ended"
            return found
        self.stopped = ""
        if self.faults is not None:
            self.list_faults()
            found += [(actor, CALM if actor.cpu is None else 1) for actor in self.faults]
        return found

    def key(self) -> Hashable:
        """Identifies the state: the machine, where each actor is, what checkers remember (DESIGN 2, State).

        The fingerprint is a hash, and hashes of -1 and -2 are equal, so that the values of cells are told beside it.
        """
        machine, known = self.machine, self._remembered.number()
        judged = self.seen.memory()
        if judged is not None:
            judged = self._memories.setdefault(judged, len(self._memories))
        values = [cell.value for cell in machine.cells]
        actors = self.actors
        if len(actors) > len(machine.actors):
            actors = sorted(actors, key=BY_PATH)  # whoever was born first
        if self.tabled:
            return (machine.fingerprint, known, judged, *values, *[actor.entry for actor in actors])
        places = [_place(actor) for actor in actors]
        return (machine.fingerprint, known, judged, *values, *places)

    # One step ------------------------------------------------------------------

    def make(self, move: Move) -> Taken | None:
        """Make the transition; what undoes it, unless actors are live."""
        actor, outcome = move
        op, watch = actor.op, self.seen
        assert op is not None
        written = op.writes(actor)
        taken = self._save(actor, op, written) if self.tabled else None
        needs = actor.needs
        if needs & CONDITIONAL and actor.cpu is not None:
            op.thing.pending.remove(actor)
        if watch.deep:
            watch.before(actor, op)
        result = op.apply(actor, outcome)
        watch.after(actor, op, outcome, result, written)
        if needs & STRUCTURAL:
            committed = op.commit(actor)
            if committed is not None:
                result = committed
            if op.__class__ is Fail:
                self.leave(actor)
        self.current = actor
        if actor.cpu is not None and not actor.ended:
            self.forward(actor, result)
        born = self.started and self._bear()
        self._refresh()
        if actor.cpu is not None:
            if actor.ended:
                watch.left(self.actors)
            elif actor.needs > WAKES and not born:
                self._park(actor)
        if born:
            self._announce(actor, born)
        if taken is None:
            self._remembered.change(actor, op, None)
        else:
            self._compare(taken, op, outcome)
        return taken

    def undo(self, taken: Taken) -> None:
        """Back to where :meth:`make` was called; only the latest step that is not undone yet."""
        actor, place, things, memory, minds, ready, told, seen, tree = taken
        if actor.cpu is not None:
            op = actor.op
            if op is None:
                if actor.ended and not place[6]:
                    actor.cpu.pending.append(actor)
            elif actor.needs & CONDITIONAL:
                op.thing.pending.remove(actor)
        for thing, state, old in things:
            thing.restore(state)
            thing.fingerprint = old
        for thing, remembered in memory:
            thing.recall(remembered)
        (
            actor.entry, actor.op, actor.needs, actor.local, actor.settled, actor.site, actor.ended, actor.last,
            actor.mapped, actor.failure, self.current,
        ) = place  # fmt: skip
        if actor.cpu is not None and actor.needs & CONDITIONAL:
            assert actor.op is not None
            actor.op.thing.pending.append(actor)
        if tree is not None:
            self._restore(actor, tree)
        if minds is not self._minds:
            for other, mind in zip(self.actors, minds, strict=True):
                other.past, other.epoch, other.locks, other.stuck = mind
            self._minds = minds
        machine = self.machine
        fingerprint, now, events, mappings, known, self.live = told
        machine.fingerprint, machine.clock.now, machine.events.count = fingerprint, now, events
        machine.kmaps.mappings = mappings
        if ready is not self.ready:
            self._let(ready)
        self._remembered.put_back(known)
        self.seen.recall(seen)

    def judge(self) -> None:
        """At an end: let the checkers judge the whole; it is undone with the step that led here."""
        self.seen.over(self)
        self._minds = [MIND(actor) for actor in self.actors]

    # The parts of a step ----------------------------------------------------------

    def _bear(self) -> list[Actor]:
        """Bring those who have just been born to their first ops."""
        born = []
        while self.started:
            born.append(self.started.pop())
            self.forward(born[-1], None)
        return born

    def _park(self, actor: Actor) -> None:
        """Checkers look at what it stands before, if it may have to wait there."""
        if actor.needs > WAKES and not actor.ended:
            assert actor.op is not None
            self.seen.parked(actor, actor.op)

    def _announce(self, parent: Actor, born: list[Actor]) -> None:
        """Checkers look at what these stand before; at the parent as if they stood nowhere yet."""
        first = [child.op for child in born]
        for child in born:
            child.op = None
        self._park(parent)
        for child, op in zip(born, first, strict=True):
            child.op = op
        for child in born:
            self._park(child)

    def _save(self, actor: Actor, op: Op, written: tuple[Thing, ...]) -> Taken:
        machine = self.machine
        touched = written + op.reads(actor)
        if actor.cpu is not None:
            touched += (actor.cpu,)  # which is told when the actor ends
        if actor.group is not None:
            touched += (actor.group,)  # and so is this
        tree = None
        if isinstance(op.thing, Group):
            touched += (op.thing,)
            tree = self._tree(actor, op.thing)
        return Taken(
            actor,
            (
                actor.entry, actor.op, actor.needs, actor.local, actor.settled, actor.site, actor.ended, actor.last,
                actor.mapped, actor.failure, self.current,
            ),
            [(thing, thing.state_of(thing), thing.fingerprint) for thing in written],
            [(thing, thing.memory_of(thing)) for thing in touched],
            self._minds,
            self.ready,
            (
                machine.fingerprint, machine.clock.now, machine.events.count, machine.kmaps.mappings.copy(),
                self._remembered.now, self.live,
            ),
            self.seen.remember(),
            tree,
        )  # fmt: skip

    def _tree(self, actor: Actor, group: Group) -> Tree:
        return Tree(
            group, group.owner, tuple(group.children), group.told, actor.groups, actor.context, actor.cancelled,
            actor.spawned, len(self.actors),
        )  # fmt: skip

    def _restore(self, actor: Actor, tree: Tree) -> None:
        """Put back the tree of actors as it was before an op of ``actor``."""
        group = tree.group
        group.owner, group.children[:], group.told = tree.owner, tree.children, tree.told
        actor.groups, actor.context, actor.cancelled = tree.groups, tree.context, tree.cancelled
        actor.spawned = tree.spawned
        while len(self.actors) > tree.actors:
            child = self.actors.pop()
            self.release(child)
            if child.process is not None:
                child.process.threads.pop()
            if child.op is not None:
                assert child.cpu is not None
                child.cpu.pending.remove(child)
                if child.needs & CONDITIONAL:
                    child.op.thing.pending.remove(child)

    def _compare(self, taken: Taken, op: Op, outcome: int) -> None:
        """Find out what checkers remember otherwise than before the step: nothing else has to be put back."""
        actor, place, things, memory, minds, *_, told, _, tree = taken
        changed = [known for known in memory if known[0].memory_of(known[0]) != known[1]]
        now = [MIND(actor) for actor in self.actors]
        if now != minds:
            self._minds = now
        elif not changed and tree is None:
            memory.clear()
            return
        cause: Hashable = None
        before = told[4]
        if before is not None and tree is None:
            where = place[0] or (actor, op)  # what the environment does has no table
            cause = (before, where, outcome, actor.ended)
            if not op.alike:
                stood = [old for _, _, old in things] + [thing.fingerprint for thing, _ in memory[len(things) :]]
                cause = (*cause, *stood)
        memory[:] = changed
        self._remembered.change(actor, op, cause)

    def _refresh(self) -> None:
        """Look anew who can go on. The list stays the same one for as long as it says the same."""
        ready: list[Actor] = []
        for actor in self.actors:
            op = actor.op
            if op is None:
                continue
            can = not actor.needs & CONDITIONAL or op.enabled(actor)
            if can and (cpu := actor.cpu) is not None and cpu.atomic:
                can = not cpu.closed_to(actor)
            actor.ready = can
            if can:
                ready.append(actor)
        if len(self.actors) > len(self.machine.actors):
            ready.sort(key=BY_PATH)
        clock = self._clock
        if clock is not None:
            clock.ready = bool(self.live and self.machine.clock.timers)
            if clock.ready:
                ready.append(clock)
        if ready != self.ready:
            self.ready = ready

    def _let(self, ready: list[Actor]) -> None:
        """These can go on, as they could before."""
        for actor in self.ready:
            actor.ready = False
        for actor in ready:
            actor.ready = True
        self.ready = ready

    # What ops and the parking ask for -----------------------------------------------

    def recheck(self, pending: list[Actor]) -> None:
        """All are looked at after each step."""

    def set_ready(self, actor: Actor) -> None:
        """All are looked at after each step."""

    def repark(self, actor: Actor) -> None:
        """All are looked at after each step."""

    def leave(self, actor: Actor) -> None:
        """The actor has ended."""
        actor.ready = False  # and the list of who is ready is not changed, but made anew
        watch, self.watch = self.watch, None  # it is told when all have been looked at
        super().leave(actor)
        self.watch = watch


def _place(actor: Actor) -> Hashable:
    """Where a live actor is."""
    op = actor.op
    unwinds = op.__class__ if isinstance(op, Deliver | Fail) else None
    groups = tuple(_group(group) for group in actor.groups)
    return (actor.path, actor.local, actor.ended, actor.cancelled, unwinds, groups)


def _group(group: Group) -> Hashable:
    failed = tuple((type(error).__name__, str(error)) for error in group.failures)
    return (group.name, group.cancelled, group.told, failed, tuple(child.path for child in group.children))
