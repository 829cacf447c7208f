"""Which actors could go on, which are parked, and how they come and go.

Enabledness is kept up to date, never computed anew: an op that may be disabled
is registered with the object that decides (``Thing.pending``), and asked again when
that object changes. So a choice costs nothing for actors that are not affected.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, cast

from dmabuf_async.engine.table import Entry, Table, Trail, hashed, revived
from dmabuf_async.errors import ForeignAwait, RunOver, ScenarioError, Unwind
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.clock import Fire
from dmabuf_async.machine.order import release
from dmabuf_async.machine.speculation import SpeculativeFill
from dmabuf_async.ops import COMMON, CONDITIONAL, STRUCTURAL, Op, Settle
from dmabuf_async.tasks import Deliver, Fail, Group, Kill

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.tlb import TlbEntry

ENVIRONMENT = 1 << 30
"""First number in the paths of the environment's actors, so that they come last."""


BY_PATH = attrgetter("path")

NOBODY = Actor("nobody", (), None, RunOver, ())
"""Who made the latest step before the first: never ready."""


class Parking:
    """The actors of one execution."""

    limit: int
    """Below so many steps, a choice among several that are ready needs no further look."""
    tabled: bool
    """The declared tasks go by their tables as far as these reach."""
    groups_tabled: ClassVar[bool] = False
    """Tables reach over ops of groups, and children go by tables, too."""

    def __init__(self, machine: Machine, watch: Watch | None) -> None:
        self.machine = machine
        self.watch = watch
        machine.marks.wanted = watch is not None
        self.actors: list[Actor] = []  # all that ever lived, in the order of their birth
        self.ready: list[Actor] = []  # enabled without a fault, by path; the clock among them
        self.faults: list[Actor] | None = None  # what the environment may do; None: never anything
        self.woken: list[Actor] | None = None  # who became ready, kept for a strategy that wants to know and clears it
        self.started: list[Actor] = []  # to be resumed before the next choice, last first
        self.live = 0  # actors that have not ended, daemons aside
        self.current = NOBODY
        self.stubborn: list[str] = []  # actors that did not end when they were told to
        self._interrupt: BaseException | None = None  # that came while an actor was made to end
        self._clock: Actor | None = None
        self._killers: list[Actor] = []
        self._whims: list[Actor] = []  # what the cache may do by itself
        self._fills: dict[TlbEntry, Actor] = {}  # those that a CPU ever could fill by itself, so far

    # Birth -----------------------------------------------------------------

    def populate(self) -> None:
        """Start the tasks that the program declared; each runs up to its first op."""
        machine = self.machine
        tabled = self.tabled
        for actor in machine.actors:
            self._admit(actor, tabled=tabled)
            actor.ready = True
        self.ready += machine.actors  # in the order of their paths
        if any(actor.daemon for actor in machine.actors):
            for actor in machine.actors:
                if not actor.daemon:  # the end of the last one stops the clock, and any op may be its last
                    actor.ended_by = (machine.clock,)
                    actor.rescope()
        self.started.reverse()
        sizes = machine.sizes
        if sizes.eintr or sizes.kills or machine.cache.whims or sizes.tlb_fills:
            self.faults = []
            self.limit = -1  # whatever it may do is looked for before each choice
        for number, op in enumerate(machine.cache.whims):
            whim = self._environment("the cache")
            whim.path = (ENVIRONMENT + 1, number)
            whim.op, whim.needs = op, op.needs
            self._whims.append(whim)
        if sizes.kills:
            for target in machine.actors:
                if target.user:
                    killer = self._environment(f"killer of {target.name}")
                    killer.op = Kill(target, machine.faults)
                    killer.needs = Kill.needs
                    self._killers.append(killer)

    def speculating(self) -> list[Actor]:
        """Who may fill a TLB entry now, by path; that is by name, as entries come to be in the order of their use."""
        machine, known = self.machine, self._fills
        found = []
        for entry in machine.speculation.candidates(machine.mms.values()):
            actor = known.get(entry)
            if actor is None:
                actor = known[entry] = self._environment("the mmu")
                actor.path = (ENVIRONMENT + 2, entry.key)
                actor.op = op = SpeculativeFill(machine.speculation, entry)
                actor.needs = op.needs
            found.append(actor)
        return sorted(found, key=BY_PATH)

    def _environment(self, name: str) -> Actor:
        actor = Actor(name, (ENVIRONMENT, len(self._killers)), None, RunOver, ())
        actor.run = self
        actor.judged = self.machine.judged
        return actor

    def _admit(self, actor: Actor, *, tabled: bool = False) -> None:
        if tabled:
            if actor.table is None:
                actor.table = Table(actor, holds_groups=self.groups_tabled)
            for group in actor.table.groups:
                group.reset()
            tabled = actor.table.learns
            actor.entry = actor.table.start if tabled else None
        if not tabled:
            actor.coroutine = coroutine = self._call(actor)
            actor.resume = coroutine.send
        actor.run = self
        self.actors.append(actor)
        if not actor.daemon:
            self.live += 1
        self.started.append(actor)
        assert actor.cpu is not None
        actor.cpu.pending.append(actor)

    def _call(self, actor: Actor) -> Coroutine[Any, Any, Any]:
        function = actor.function
        try:
            coroutine: Any = function(*actor.arguments)
            coroutine.cr_frame  # noqa: B018 - what is not a coroutine, a generator too, shows it here
        except (TypeError, AttributeError) as error:
            raise ScenarioError(
                f"task {actor.name!r} cannot be started: it needs an async function and its arguments, and "
                f"{getattr(function, '__name__', function)!r} says {type(error).__name__}: {error}"
            ) from error
        return cast("Coroutine[Any, Any, Any]", coroutine)

    def arrive(self, actor: Actor, passed: tuple[Settle, ...]) -> None:
        """``actor`` has settled, once or several times, on the way to its next op."""
        for op in passed:
            actor.settled = op.value
            actor.site = op.site
            if self.watch is not None:
                self.watch.settled(actor, op)

    def revive(self, actor: Actor, entry: Entry, result: Any) -> Any:
        """The table of ``actor`` ends here: from now on it is resumed; what resumes it."""
        table = actor.table
        assert table is not None
        actor.entry = None
        actor.coroutine = coroutine = revived(actor, entry) if entry.parent is not None else self._call(actor)
        actor.resume = coroutine.send
        actor.trail = Trail(table, entry)
        if entry.parent is not None:
            actor.local = hashed(entry.local, result)
        return coroutine.send

    def start(self, parent: Actor, name: str, group: Group, function: Callable[..., Any], arguments: Any) -> Actor:
        """Make a child of ``parent``. Its identity is the path of spawns."""
        child = self.child(parent, name, function, arguments)
        parent.spawned += 1
        child.parent, child.group, child.daemon = parent, group, parent.daemon
        child.ended_by = tuple(thing for thing in parent.ended_by if thing is self.machine.clock)
        child.process = process = parent if parent.user else parent.process
        child.judged, child.initial = parent.judged, child.state()
        if process is not None:
            process.threads.append(child)
            child.killed = process.killed
            self.machine.rehash((child,))  # it is not told apart from one that is killed later
        child.rescope()
        release(parent, child)  # what its parent did comes before all that it does
        self._admit(child, tabled=child.table is not None)
        assert child.cpu is not None
        if not child.cpu.closed_to(child):
            self.set_ready(child)
        return child

    def child(self, parent: Actor, name: str, function: Callable[..., Any], arguments: Any) -> Actor:
        """The next child of ``parent``, not born yet."""
        number = parent.spawned
        name = f"{parent.name}/{name}.{number}" if name else f"{parent.name}/{number}"
        return Actor(name, (*parent.path, number), parent.cpu, function, arguments)

    def tick(self) -> None:
        """A timer has been set: the clock is an actor from now on."""
        if self._clock is None:
            clock = self._environment("clock")
            clock.path = (ENVIRONMENT * 2,)
            self._clock = clock
            clock.op = fire = Fire(self.machine.clock)
            clock.needs = fire.needs
            self.repark(clock)

    def environment(self) -> list[Actor]:
        """The actors of the environment, as far as they have come to be."""
        clock = () if self._clock is None else (self._clock,)
        return [*self._killers, *self._whims, *self._fills.values(), *clock]

    # Ready or not ------------------------------------------------------------

    def set_ready(self, actor: Actor) -> None:
        """``actor`` can go on; it takes its place by path."""
        actor.ready = True
        self.ready.append(actor)
        self.ready.sort(key=BY_PATH)
        if self.woken is not None:
            self.woken.append(actor)

    def unset_ready(self, actor: Actor) -> None:
        """``actor`` cannot go on."""
        actor.ready = False
        self.ready.remove(actor)

    def recheck(self, pending: list[Actor]) -> None:  # noqa: C901 - as hot as the loop
        """What these actors are parked on has changed: ask again whether they can go on."""
        if not pending:
            return
        ready, woken = self.ready, self.woken
        common = grown = False
        first = pending[0]
        if first.needs & COMMON:
            lock: Any = first.op
            common = lock.thing.pending is pending  # and not that of a CPU
            if common and not lock.enabled(first):
                for actor in pending:
                    if actor.ready:
                        actor.ready = False
                        ready.remove(actor)
                return
        for actor in pending:
            op, cpu = actor.op, actor.cpu
            if op is None:
                continue
            can = common or not actor.needs & CONDITIONAL or op.enabled(actor)
            if can and cpu is not None and cpu.atomic:
                can = not cpu.closed_to(actor)
            if can:
                if not actor.ready:
                    actor.ready = grown = True
                    ready.append(actor)
                    if woken is not None:
                        woken.append(actor)
            elif actor.ready:
                actor.ready = False
                ready.remove(actor)
        if grown and len(ready) > 1:
            ready.sort(key=BY_PATH)

    def park(self, actor: Actor, op: Op) -> None:
        """``actor`` stands before an op that needs a look: it may be disabled, or may sleep."""
        if actor.needs & CONDITIONAL:
            op.thing.pending.append(actor)
            if not op.enabled(actor) and actor.ready:
                actor.ready = False
                self.ready.remove(actor)
        elif isinstance(op, Settle):
            self._settle(actor, op)
            return
        if self.watch is not None:
            self.watch.parked(actor, op)

    def _settle(self, actor: Actor, op: Settle) -> None:
        actor.local = hashed(actor.key, op.value)
        self.arrive(actor, (op,))
        self.started.append(actor)

    def repark(self, actor: Actor) -> None:
        """An actor of the environment stands before its op again; one that has ended does not."""
        op = actor.op
        if op is not None and actor.needs & CONDITIONAL:
            op.thing.pending.append(actor)
            enabled = op.enabled(actor)
            if enabled != actor.ready:
                (self.set_ready if enabled else self.unset_ready)(actor)

    def after(self, actor: Actor, op: Op, result: Any) -> Any:
        """An op that may fail, or changes the tree of actors, has been performed; its true result."""
        if not actor.ready and actor.cpu is not None:  # the environment interrupted its wait
            self.set_ready(actor)
        if actor.needs & STRUCTURAL:
            committed = op.commit(actor)
            if committed is not None:
                return committed
            if op.__class__ is Fail:
                self.leave(actor)
        return result

    # Death -------------------------------------------------------------------

    def raised(self, actor: Actor, error: BaseException) -> None:
        """Its coroutine returned, raised, or yielded something that is not an op."""
        asked = isinstance(error, AttributeError) and error.name == "needs" and error.obj is actor.op
        if asked and not isinstance(actor.op, Op):
            foreign = ForeignAwait(actor.name, actor.op)
            actor.op = None
            self.throw(actor, foreign)
            error = foreign
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self.leave(actor)
            raise error
        if isinstance(error, StopIteration | Unwind):
            self.leave(actor)
        elif actor.group is not None and isinstance(error, Exception):
            actor.resume = None
            self._fail(actor, actor.group, error)
        else:
            actor.failure = error
            self.leave(actor)
            if self.watch is not None:
                self.watch.failed(actor, error)

    def _fail(self, actor: Actor, group: Group, error: Exception) -> None:
        actor.failure = error
        actor.op = Fail(group, error)
        actor.needs = Fail.needs
        if not actor.ready:
            self.set_ready(actor)

    def leave(self, actor: Actor) -> None:
        """The actor has ended; who joins it may go on."""
        actor.ended = True
        actor.op = actor.resume = None
        actor.needs = 0
        if not actor.daemon:
            self.live -= 1
            if not self.live:
                self.limit = -1  # only daemons are left: the end has to be looked for
        if actor.ready:
            actor.ready = False
            self.ready.remove(actor)
        if actor.cpu is not None and actor in actor.cpu.pending:
            actor.cpu.pending.remove(actor)
        if actor.cpu is not None:
            release(actor, actor.cpu)  # for whoever sends an IPI there
        if actor.group is not None:
            release(actor, actor.group)  # for whoever joins
            self.recheck(actor.group.pending)
        if self.watch is not None:
            self.watch.left(self.actors)

    def deliver(self, actor: Actor, unwind: BaseException) -> None:
        """Replace the op that ``actor`` stands before by the throwing of ``unwind``."""
        coroutine = actor.coroutine
        assert coroutine is not None
        actor.cancelled = True

        def throw(_: Any) -> Any:
            actor.resume = coroutine.send
            return coroutine.throw(unwind)

        op = actor.op
        if op is not None and op.conditional:
            op.thing.pending.remove(actor)
        actor.resume = throw
        if op is not None:
            actor.op = Deliver(actor, unwind)
            actor.needs = Deliver.needs
            if not actor.ready and self.machine.enabled(actor, actor.op):
                self.set_ready(actor)

    def throw(self, actor: Actor, error: BaseException) -> None:
        """Throw ``error`` into an actor until it ends; what it awaits then is not performed."""
        coroutine: Any = actor.coroutine
        if coroutine.cr_frame is not None and coroutine.cr_frame.f_lasti < 0:
            coroutine.close()  # it has not begun
            return
        for _ in range(100):
            try:
                coroutine.throw(error)
            except (KeyboardInterrupt, SystemExit) as interrupt:
                self._interrupt = self._interrupt or interrupt
                return
            except BaseException:  # noqa: BLE001 - whatever it raises now, it has ended
                return
            error = RunOver()
        self.stubborn.append(actor.name)

    def wind_down(self, call: Callable[..., Any]) -> None:
        """Throw ``RunOver`` into what remains, youngest first, each through ``call``.

        An interrupt that comes meanwhile is raised when all have ended.
        """
        self.started.clear()
        for actor in reversed(self.actors):
            if not actor.ended and actor.coroutine is not None:
                call(self.throw, actor, RunOver())
        if self._interrupt is not None:
            raise self._interrupt
