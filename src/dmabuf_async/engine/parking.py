"""Which actors could go on, which are parked, and how they come and go.

Enabledness is kept up to date, never computed anew: an op that may be disabled
is registered with the object that decides (``Thing.pending``), and asked again when
that object changes. So a choice costs nothing for actors that are not affected.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dmabuf_async.errors import ForeignAwait, RunOver, ScenarioError, Unwind
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.clock import Fire
from dmabuf_async.ops import CALM, Op, Settle
from dmabuf_async.strategies.base import STOP, ChoicePoint, Option
from dmabuf_async.tasks import Deliver, Fail, Group, Kill

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.strategies.base import Strategy
    from dmabuf_async.thing import Thing

ENVIRONMENT = 1 << 30
"""First number in the paths of the environment's actors, so that they come last."""


def by_path(actor: Actor) -> tuple[int, ...]:
    return actor.path


class Parking:
    """The actors of one execution."""

    strategy: Strategy
    choices: list[int]
    steps: int

    def __init__(self, machine: Machine, watch: Watch | None) -> None:
        self.machine = machine
        self.watch = watch
        self.actors: list[Actor] = []  # all that ever lived, in the order of their birth
        self.ready: list[Actor] = []  # enabled without a fault, by path; the clock among them
        self.faults: list[Actor] | None = None  # what the environment may do; None: never anything
        self.todo: list[Actor] = []  # to be resumed before the next choice, last first
        self.live = 0  # actors that have not ended, daemons aside
        self.current = Actor("nobody", (), None, RunOver, ())
        self.point = ChoicePoint(self)
        self.stopped = ""
        self.stubborn: list[str] = []  # actors that did not end when they were told to
        self._clock: Actor | None = None
        self._killers: list[Actor] = []

    # Birth -----------------------------------------------------------------

    def populate(self) -> None:
        """Start the tasks that the program declared; each runs up to its first op."""
        machine = self.machine
        for actor in machine.actors:
            actor.reset()
            self._admit(actor)
        self.todo.reverse()
        sizes = machine.sizes
        if sizes.eintr or sizes.kills:
            self.faults = []
        if sizes.kills:
            for target in machine.actors:
                if target.user:
                    target.context = (*target.context, target)
                    killer = self._environment(f"killer of {target.name}")
                    killer.op = Kill(target, machine.faults)
                    self._killers.append(killer)

    def _environment(self, name: str) -> Actor:
        actor = Actor(name, (ENVIRONMENT, len(self._killers)), None, RunOver, ())
        actor.run = self
        return actor

    def _admit(self, actor: Actor) -> None:
        function = actor.function
        try:
            coroutine = function(*actor.arguments)
            actor.resume = coroutine.send
        except (TypeError, AttributeError) as error:
            raise ScenarioError(
                f"task {actor.name!r} cannot be started: it needs an async function and its arguments, and "
                f"{getattr(function, '__name__', function)!r} says {type(error).__name__}: {error}"
            ) from error
        actor.coroutine = coroutine
        actor.run = self
        self.actors.append(actor)
        self.live += not actor.daemon
        self.todo.append(actor)
        cpu = actor.cpu
        assert cpu is not None
        cpu.pending.append(actor)
        self.set_ready(actor)

    def start(self, parent: Actor, name: str, group: Group, function: Callable[..., Any], arguments: Any) -> Actor:
        """Make a child of ``parent``. Its identity is the path of spawns."""
        number = parent.spawned
        parent.spawned += 1
        child = Actor(
            f"{parent.name}/{name or number}" if not name else f"{parent.name}/{name}.{number}",
            (*parent.path, number), parent.cpu, function, arguments,
        )  # fmt: skip
        child.parent, child.group, child.daemon = parent, group, parent.daemon
        child.initial = child.state()
        child.rescope()
        self._admit(child)
        return child

    def tick(self) -> None:
        """A timer has been set: the clock is an actor from now on."""
        if self._clock is None:
            clock = self._environment("clock")
            clock.path = (ENVIRONMENT * 2,)
            self._clock = clock
            self.repark(clock, Fire(self.machine.clock))

    # Ready or not ------------------------------------------------------------

    def set_ready(self, actor: Actor) -> None:
        actor.ready = True
        insort(self.ready, actor, key=by_path)

    def unset_ready(self, actor: Actor) -> None:
        actor.ready = False
        self.ready.remove(actor)

    def recheck(self, thing: Thing) -> None:
        """``thing`` has changed: ask again whether the ops parked on it are enabled."""
        enabled = self.machine.enabled
        for actor in thing.pending:
            op = actor.op
            if op is not None and enabled(actor, op) != actor.ready:
                (self.unset_ready if actor.ready else self.set_ready)(actor)

    def park(self, actor: Actor, op: Op) -> None:
        """``actor`` stands before an op that needs a look: it may be disabled, or may sleep."""
        if op.__class__ is Settle:
            self._settle(actor, op)  # type: ignore[arg-type]
            return
        if op.conditional:
            op.thing.pending.append(actor)
        if not self.machine.enabled(actor, op):
            self.unset_ready(actor)
        if self.watch is not None:
            self.watch.parked(actor, op)

    def _settle(self, actor: Actor, op: Settle) -> None:
        actor.local = hash((actor.key, op.value))
        actor.settled = op.value
        actor.site = op.site
        if self.watch is not None:
            self.watch.settled(actor, op)
        actor.inbox = None
        self.resume(actor)

    def resume(self, actor: Actor) -> None:
        raise NotImplementedError

    def repark(self, actor: Actor, op: Op) -> None:
        """An actor of the environment stands before its op again."""
        actor.op = op
        if op.conditional:
            op.thing.pending.append(actor)
            enabled = op.enabled(actor)
            if enabled != actor.ready:
                (self.set_ready if enabled else self.unset_ready)(actor)

    def unpark(self, actor: Actor, op: Op, result: Any) -> Any:
        """The op that ``actor`` was parked before has been performed."""
        if op.conditional:
            op.thing.pending.remove(actor)
        if not actor.ready and actor.resume is not None:  # the environment interrupted its wait
            self.set_ready(actor)
        if op.structural:
            committed = op.commit(actor)
            if committed is not None:
                return committed
            if op.__class__ is Fail:
                self._leave(actor)
        return result

    # Options -----------------------------------------------------------------

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

    def options(self) -> list[Option]:
        """All answers to the question who goes next."""
        faults = self.faults or []
        found = []
        for index in range(len(self.ready) + len(faults)):
            actor = self.option(index)
            assert actor.op is not None
            outcome = "" if actor.ready or actor.resume is None else actor.op.outcomes(actor)[1]
            found.append(Option(actor, actor.op, outcome))
        return found

    def announced(self) -> list[Option]:
        """What every actor stands before."""
        return [Option(actor, actor.op, "") for actor in self.actors if actor.op is not None]

    def list_faults(self) -> None:
        """What the environment may do now: kill a process, interrupt a wait that is blocked."""
        assert self.faults is not None
        self.faults.clear()
        for killer in self._killers:
            assert killer.op is not None
            if killer.op.enabled(killer):
                self.faults.append(killer)
        if self.machine.faults.eintr:
            self.faults += [
                actor
                for actor in self.actors
                if not actor.ready and actor.op is not None and len(actor.op.outcomes(actor)) > 1
            ]

    def choose_outcome(self, actor: Actor, op: Op) -> int:
        """What becomes of the op just picked: calm, unless it may fail and the strategy says so."""
        if actor.resume is None:
            return CALM
        names = op.outcomes(actor)
        if not actor.ready:
            return 1  # it is blocked: only a fault lets it go on
        if len(names) == 1:
            return CALM
        picked = self.point.ask(self.strategy, [Option(actor, op, name) for name in names])
        if picked != STOP:
            if not 0 <= picked < len(names):
                raise IndexError(f"{type(self.strategy).__name__} chose {picked} of {len(names)} outcomes")
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

    # Death -------------------------------------------------------------------

    def raised(self, actor: Actor, error: BaseException) -> None:
        """Its coroutine returned, raised, or yielded something that is not an op."""
        if isinstance(error, AttributeError) and not isinstance(actor.op, Op):
            foreign = ForeignAwait(actor.name, actor.op)
            actor.op = None
            self.throw(actor, foreign)
            error = foreign
        if isinstance(error, KeyboardInterrupt | SystemExit):
            self._leave(actor)
            raise error
        if isinstance(error, StopIteration | Unwind):
            self._leave(actor)
        elif actor.group is not None and isinstance(error, Exception):
            actor.resume = None
            self._fail(actor, actor.group, error)
        else:
            actor.failure = error
            self._leave(actor)
            if self.watch is not None:
                self.watch.failed(actor, error)

    def _fail(self, actor: Actor, group: Group, error: Exception) -> None:
        actor.failure = error
        actor.op = Fail(group, error)
        if not actor.ready:
            self.set_ready(actor)

    def _leave(self, actor: Actor) -> None:
        """The actor has ended; who joins it may go on."""
        actor.ended = True
        actor.op = actor.resume = None
        self.live -= not actor.daemon
        if actor.ready:
            self.unset_ready(actor)
        if actor.cpu is not None and actor in actor.cpu.pending:
            actor.cpu.pending.remove(actor)
        if actor.group is not None:
            self.recheck(actor.group)

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
            if not actor.ready and self.machine.enabled(actor, actor.op):
                self.set_ready(actor)

    def throw(self, actor: Actor, error: BaseException) -> None:
        """Throw ``error`` into an actor until it ends; what it awaits then is not performed."""
        coroutine = actor.coroutine
        assert coroutine is not None
        if coroutine.cr_frame is not None and coroutine.cr_frame.f_lasti < 0:
            coroutine.close()  # it has not begun
            return
        for _ in range(100):
            try:
                coroutine.throw(error)
            except BaseException:  # noqa: BLE001 - whatever it raises now, it has ended
                return
            error = RunOver()
        self.stubborn.append(actor.name)

    def wind_down(self) -> list[Actor]:
        """Who has to be thrown ``RunOver`` at the end of the run, youngest first."""
        self.todo.clear()
        return [actor for actor in reversed(self.actors) if not actor.ended and actor.coroutine is not None]
