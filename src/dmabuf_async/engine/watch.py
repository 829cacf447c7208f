"""What may look at an execution: the fingerprint, the checkers, the trace, the audit."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.checkers.deadlock import Deadlock
from dmabuf_async.checkers.properties import AlwaysViolated
from dmabuf_async.engine.parking import NOBODY
from dmabuf_async.engine.site import role, site
from dmabuf_async.engine.table import hashed
from dmabuf_async.engine.taint import Taint
from dmabuf_async.ops import CALM, Footprint
from dmabuf_async.tasks import UNWOUND
from dmabuf_async.thing import Thing
from dmabuf_async.trace.events import Event, Finding, LockEdge, Signature, Trace

if TYPE_CHECKING:
    from dmabuf_async.engine.audit import Audit
    from dmabuf_async.engine.choosing import Choosing
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.judged import Always
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.ops import Op, Settle


class Watch:
    """Observes one execution on one machine.

    Keeps the machine's fingerprint and each actor's local state, and asks the
    checkers. With ``trace`` it keeps every step, and with ``footprints`` also what each
    step read and wrote, which tells its causal past. ``on_step`` is called after each step,
    ``on_over`` when the run is over and what remains is not yet unwound.
    """

    def __init__(
        self,
        machine: Machine,
        checkers: Iterable[Checker] = (),
        *,
        trace: bool = False,
        footprints: bool = False,
        audit: Audit | None = None,
        on_step: Callable[[], None] | None = None,
    ) -> None:
        self.machine = machine
        self.step = 0
        self.findings: list[Finding] = []
        self.steps: list[Step] | None = [] if trace or footprints else None
        self.on_step = on_step
        self.waiting: tuple[Event, ...] = ()  # what actors never got to do
        self.on_over: Callable[[Choosing], None] | None = None
        self.hashes = True  # it keeps the machine's fingerprint, and the local state of actors
        self.blind = 0  # so many steps, from the first on, it need not see
        self.reached: set[tuple[str, str]] = set()  # (actor, site) at which somebody settled
        self._audit = audit
        self.audited = audit is not None
        self._judged = machine.judged
        self._asking: list[Always] = []  # the properties that read what the step writes
        self._wide = footprints or audit is not None or self._judged is not None  # all that a step touches matters
        self.deep = trace or self._wide
        self._running = NOBODY  # who made the latest step of those that stand on CPUs
        self._preempted: Actor | None = None
        if audit is not None:
            audit.adopt(machine)
        self._duties = duties = _duties(tuple(checkers))
        self._performed = duties.performed
        self._called = duties.called
        self._latest: tuple[Actor, Op, tuple[Thing, ...]] | None = None
        self._footprint: Footprint | None = None
        self._taint: Taint | None = None  # from the first finding on

    # Steps ---------------------------------------------------------------------

    def before(self, actor: Actor, op: Op) -> None:
        """A step is about to be made, and somebody wants to know whom it preempts, or all that it touches."""
        if self.steps is not None:
            last = self._running
            preempts = actor.cpu is not None and last is not actor and last.ready  # the environment preempts nobody
            self._preempted = last if preempts else None
            self._running = last if actor.cpu is None else actor
        if not self._wide:
            return
        self._footprint = op.footprint(actor)
        if self._judged is not None:
            self._asking = self._judged.judges(op.reads(actor), op.writes(actor))
        if self._audit is not None:
            self._audit.open(actor, op, self._footprint)

    def after(  # noqa: C901 - as hot as the loop
        self, actor: Actor, op: Op, outcome: int, result: Any, written: tuple[Thing, ...]
    ) -> None:
        """The step has been made, and the actor not yet resumed."""
        self.step = actor.last = self.step + 1
        machine = self.machine
        if self.hashes:
            for thing in written:  # as machine.rehash, which tells why
                state = thing.state_of(thing)
                new = 0 if state == thing.initial else hash((thing.key, state))
                if new != thing.fingerprint:
                    machine.fingerprint ^= thing.fingerprint ^ new
                    thing.fingerprint = new
            if actor.entry is None:  # else its table knows
                actor.local = hashed(actor.local, result)
        if self._taint is not None:
            assert self._footprint is not None
            self._taint.spread(actor, self._footprint)
        if self.steps is not None:
            self.steps.append(Step(actor, op, outcome, result, self._preempted, actor.site, self._footprint))
        self._latest = (actor, op, written)
        checks = self._performed.get(op.__class__)
        if checks is not None:
            for check in checks:
                found = check(machine, actor, op, result)
                if found is not None:
                    self.state(found)
        if machine.marks or self._asking:
            self._ask(actor)
        if self._audit is not None:
            self._audit.close(actor, result)
        if self.on_step is not None:
            self.on_step()

    def see(self) -> None:
        """All steps have been made that it need not see."""
        self.step = self.blind

    def _ask(self, actor: Actor) -> None:
        """What the machine noted, and what the scenario asks of every state."""
        if self.machine.marks:
            self._name_marks()
        if self._asking:
            self._judge(self._asking, actor)

    def _judge(self, judges: Iterable[Always], actor: Actor) -> None:
        """Ask the properties that read what the step has written; each is told once an execution."""
        checker = self._duties.marked.get("always-violated")
        if checker is None:
            return
        assert isinstance(checker, AlwaysViolated)
        for always in judges:
            found = checker.judged(actor, always)
            if found is not None and all(always.name not in finding.objects[:1] for finding in self.findings):
                self.state(found)

    def _name_marks(self) -> None:
        marks = self.machine.marks
        for mark in marks:
            checker = self._duties.marked.get(mark.code)
            found = None if checker is None else checker.marked(mark)
            if found is not None:
                self.state(found)
        marks.clear()

    def parked(self, actor: Actor, op: Op) -> None:
        """``actor`` now stands before an op that may wait or sleep."""
        for called in self._called:
            found = called(self.machine, actor, op)
            if found is not None:
                self.state(found)

    def left(self, actors: Iterable[Actor]) -> None:
        """Somebody has ended: others may now wait for what only it could have given."""
        deadlock = self._duties.deadlock
        if deadlock is None:
            return
        for actor in actors:
            op = actor.op
            if op is not None and op.conditional and not actor.ready and actor.cpu is not None:
                found = deadlock.called(self.machine, actor, op)
                if found is not None:
                    self.state(found)

    def settled(self, actor: Actor, op: Settle) -> None:
        """``actor`` has settled."""
        self.reached.add((actor.name, op.site))
        if self._audit is not None:
            self._audit.settled(actor, op.value)

    def failed(self, actor: Actor, error: BaseException) -> None:
        """``actor`` ended by an exception."""
        for failed in self._duties.failed:
            found = failed(actor, error)
            if found is not None:
                self.state(found)

    def over(self, core: Choosing) -> None:
        """The run is over; what remains is not yet unwound."""
        if self._audit is not None:
            self._audit.check()
        if self._taint is not None:
            self._taint.settle()
        if core.stopped == "ended":
            for judge in self._duties.over:
                for found in judge(self.machine, core.actors):
                    self.state(found, found.actor.last)
        elif core.stopped == "deadlock" and self._duties.deadlock is not None:
            stuck = [actor for actor in core.actors if not actor.ended and not actor.stuck and not core.idles(actor)]
            if stuck:
                self.state(self._duties.deadlock.stated(stuck), self.step)
        if self.steps is not None:
            self.waiting = tuple(
                _waits(actor) for actor in core.actors if actor.op is not None and not core.idles(actor)
            )
        if self.on_over is not None:
            self.on_over(core)

    # Findings --------------------------------------------------------------------

    def state(self, found: Found, step: int | None = None) -> None:
        """Turn what a checker said into a finding of this step."""
        actor, members = found.actor, (found.actor, *found.others)
        if self._taint is None:
            primary = True
        elif found.code == "deadlock":
            primary = not self._taint.had(*members)
        else:
            primary = not self._taint.has(*members)
        kind = found.things[0].KIND if found.things else "program"
        signature = Signature(found.code, found.rule, role(actor.name), site(actor), kind)
        names = tuple(dict.fromkeys(thing.name for thing in found.things))
        at = self.step if step is None else step
        self.findings.append(Finding(found.code, found.rule, found.message, at, actor.name, names, signature, primary))
        if self._taint is None:
            self._taint = Taint()
            self.deep = self._wide = True  # what an op reads may be another thing once it has been performed
        if found.code == "deadlock":  # who closed the circle is chance, and what others find does not follow from it
            for member in members:
                self._taint.add(member, NOTHING)
        elif self._latest is not None:
            latest, op, written = self._latest
            self._taint.add(latest, _touched(latest, op, written))

    def lock_edges(self) -> tuple[LockEdge, ...]:
        """Which locks were taken while others were held, try-locks aside."""
        edges = self.machine.lock_order.edges()
        return tuple(
            LockEdge(edge.before, edge.after, edge.actor.name, edge.held.name, edge.taken.name) for edge in edges
        )

    def memory(self) -> Hashable:
        """What was found so far, as far as it decides what may yet be found; None as long as nothing was."""
        if self._taint is None:
            return None
        found = frozenset(finding.signature for finding in self.findings if finding.primary)
        return (found, tuple(actor.stuck for actor in self.machine.actors), self._taint.state())

    def remember(self) -> tuple[Any, ...]:
        """All that steps change here, for :meth:`recall`. Sites that were reached, and a trace, are not part of it."""
        taint = None if self._taint is None else self._taint.copy()
        return (self.step, len(self.findings), taint, self.deep, self._wide, self._latest, self._footprint)

    def recall(self, remembered: tuple[Any, ...]) -> None:
        """Back to when it was remembered; what has been remembered before stays good."""
        self.step, findings, self._taint, self.deep, self._wide, self._latest, self._footprint = remembered
        del self.findings[findings:]

    def trace(self, core: Choosing) -> Trace:
        """Everything that happened, as plain data."""
        events = tuple(step.event(number) for number, step in enumerate(self.steps or (), 1))
        names = tuple(actor.name for actor in sorted(core.actors, key=lambda actor: actor.path))
        others = tuple(dict.fromkeys(event.actor for event in events if event.actor not in names))
        return Trace(names + others, events, tuple(self.findings), self.waiting)


class _Duties(NamedTuple):
    """Which checker looks at which moment."""

    performed: Mapping[type[Op], list[Callable[..., Found | None]]]
    marked: Mapping[str, Checker]
    called: list[Callable[..., Found | None]]
    failed: list[Callable[..., Found | None]]
    over: list[Callable[..., Iterable[Found]]]
    deadlock: Deadlock | None


@lru_cache(maxsize=16)  # the same checkers watch every execution of a campaign
def _duties(checkers: tuple[Checker, ...]) -> _Duties:
    performed: dict[type[Op], list[Callable[..., Found | None]]] = {}
    for checker in checkers:
        for op in checker.ops:
            performed.setdefault(op, []).append(checker.performed)
    return _Duties(
        performed,
        marked={code: checker for checker in checkers for code in checker.codes},
        called=[checker.called for checker in checkers if type(checker).called is not Checker.called],
        failed=[checker.failed for checker in checkers if type(checker).failed is not Checker.failed],
        over=[checker.over for checker in checkers if type(checker).over is not Checker.over],
        deadlock=next((checker for checker in checkers if isinstance(checker, Deadlock)), None),
    )


class Step(NamedTuple):
    """One step, as it was; ops say in words what they did only when somebody asks."""

    actor: Actor
    op: Op
    outcome: int
    result: Any
    preempted: Actor | None
    site: str
    footprint: Footprint | None

    def event(self, number: int) -> Event:
        """As plain data."""
        actor, result = self.actor, self.result
        reads, writes = self.footprint or (frozenset[Any](), frozenset[Any]())
        return Event(
            step=number,
            actor=actor.name,
            cpu=None if actor.cpu is None or actor.cpu.number < 0 else actor.cpu.number,
            kind=self.op.kind,
            text=self.op.describe(),
            result="" if result == UNWOUND else self.op.worded(result),
            fault=self.outcome != CALM or actor.cpu is None,
            preempts=None if self.preempted is None else self.preempted.name,
            site=self.site,
            reads=frozenset(thing.name for thing in reads),
            writes=frozenset(thing.name for thing in writes),
        )


def _waits(actor: Actor) -> Event:
    """What an actor stands before, as a step that is not made."""
    assert actor.op is not None
    return Step(actor, actor.op, CALM, None, None, actor.site, actor.op.footprint(actor)).event(0)


def _touched(actor: Actor, op: Op, written: tuple[Thing, ...]) -> Footprint:
    """The footprint of a step that has been made."""
    footprint = Footprint(frozenset((*op.reads(actor), *actor.context)), frozenset(written))
    return footprint if actor.judged is None else actor.judged.widened(footprint)


NOTHING: Final = Footprint(frozenset(), frozenset())
