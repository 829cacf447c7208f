"""Every execution of a small program, by brute force: what exhaustive searches are proved against.

The ordinary core, depth first through all answers, nothing left out and nothing remembered: no table, no
reduction. It knows nothing of the searches, and they nothing of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from dmabuf_async.checkers.base import Checker
from dmabuf_async.engine.choosing import Choosing
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Step, Watch
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.ops import Op, shown
from dmabuf_async.scenario.program import Program
from dmabuf_async.tasks import Cancel, Join, Spawn
from dmabuf_async.thing import Thing
from dmabuf_async.trace.events import Signature
from tests.harness import Every

Path: TypeAlias = tuple[int, ...]
Build: TypeAlias = Callable[[Machine], object]

LIMIT: Final = 5_000
"""Executions of a program that is small enough."""


class Event(NamedTuple):
    """One step of a happens-before class."""

    text: str
    outcome: int
    result: str
    past: tuple[int, ...]
    """How many steps of each actor, by path, come before it, itself among them."""


class Class(NamedTuple):
    """A happens-before class in canonical form: equal for executions that order conflicts in the same way."""

    stopped: str
    actors: tuple[tuple[Path, tuple[Event, ...]], ...]
    """Of each actor that made a step, by path: its steps."""

    def story(self) -> str:
        """One execution of it, to be read: the first in the order of paths."""
        left = {path: list(enumerate(events, 1)) for path, events in self.actors}
        done = dict.fromkeys(left, 0)
        lines = []
        while any(left.values()):
            for path, events in left.items():
                if not events:
                    continue
                number, event = events[0]
                before = {other: count for (other, _), count in zip(self.actors, event.past, strict=True)}
                if all(done[other] >= count - (other == path) for other, count in before.items()):
                    events.pop(0)
                    done[path] = number
                    result = f" -> {event.result}" if event.result else ""
                    lines.append(f"{path} {event.text}{' !' * bool(event.outcome)}{result}")
                    break
        return "\n".join((*lines, self.stopped))


def class_of(steps: Sequence[Step], stopped: str) -> Class:
    """The class of an execution that was watched with ``footprints=True``: ``watch.steps`` and ``core.stopped``.

    Two steps are ordered if one actor made both or if their footprints, as they were when each was made, conflict;
    a spawn comes before all that the child does, and that before the join which saw the child ended. The
    latter two hold in every execution that orders conflicts so, and never make a class of their own.

    All else that the core orders shows in footprints: who is cancelled, and so unwound, reads its groups with every
    op; who runs beside daemons reads the clock that its end may stop; whoever stands on a CPU reads whether that is in
    atomic context. One thing shows nowhere, and
    is no order: a fault of the environment that nothing comes after is only possible as long as something else is
    yet to be done. So not all linear extensions of a class are executions, but it has one that is.
    """
    latest: dict[Actor, int] = {}  # bits of the steps that come before the next one of this actor
    written: dict[Thing, int] = {}
    accessed: dict[Thing, int] = {}
    grouped: dict[Any, int] = {}
    spawns: dict[Actor, list[tuple[Spawn, int]]] = {}
    own: dict[Actor, int] = {}
    pasts = []
    for number, step in enumerate(steps):
        actor, op, footprint = step.actor, step.op, step.footprint
        assert footprint is not None, "the execution was not watched with footprints"
        bit = 1 << number
        past = bit | (latest[actor] if actor in latest else _birth(actor, spawns))
        for thing in footprint.reads:
            past |= written.get(thing, 0)
        for thing in footprint.writes:
            past |= accessed.get(thing, 0)
        if isinstance(op, Join):
            past |= grouped.get(op.thing, 0)
        for thing in footprint.reads:
            accessed[thing] = accessed.get(thing, 0) | past
        for thing in footprint.writes:
            accessed[thing] = written[thing] = past
        if isinstance(op, Spawn):
            spawns.setdefault(actor, []).append((op, past))
        if actor.group is not None:
            grouped[actor.group] = grouped.get(actor.group, 0) | past
        latest[actor] = past
        own[actor] = own.get(actor, 0) | bit
        pasts.append(past)
    actors = sorted(own, key=lambda actor: actor.path)
    masks = [own[actor] for actor in actors]
    events: dict[Actor, list[Event]] = {actor: [] for actor in actors}
    for step, past in zip(steps, pasts, strict=True):
        before = tuple([(past & mask).bit_count() for mask in masks])
        events[step.actor].append(Event(_text(step.op), step.outcome, shown(step.result), before))
    return Class(stopped, tuple([(actor.path, tuple(events[actor])) for actor in actors]))


def _birth(actor: Actor, spawns: dict[Actor, list[tuple[Spawn, int]]]) -> int:
    """The past of the spawn that made this actor, whose first step comes now."""
    if actor.parent is None:
        return 0
    for op, past in spawns[actor.parent]:
        if op.thing is actor.group and op.function is actor.function and op.arguments is actor.arguments:
            # Children of one call are alike; the earliest of these spawns comes before all of the others.
            return past
    raise AssertionError(f"nobody has spawned {actor.name}")


def _text(op: Op) -> str:
    """The op in words that do not depend on when they are asked for: members that spawn commute."""
    return f"{op.kind} {op.thing.name}" if isinstance(op, Join | Cancel) else op.describe()


class State(NamedTuple):
    """One state of a whole execution, before somebody is chosen, or at its end."""

    fingerprint: int
    actors: tuple[tuple[Path, int, bool, str], ...]
    """By path: local state, whether it has ended, and the kind of op that it stands before (it may be an unwind)."""
    memory: Hashable
    """The checkers'; None if there are none."""


class End(NamedTuple):
    """What an execution comes to."""

    stopped: str
    fingerprint: int
    cells: tuple[tuple[str, Hashable], ...]
    actors: tuple[tuple[Path, int, bool, str], ...]
    """By path: local state, whether it has ended, and the exception it ended by."""


@dataclass
class Everything:
    """All that a program can do."""

    executions: int = 0
    stopped: Counter[str] = field(default_factory=Counter)
    """Why executions ended, and how many of them."""
    classes: Counter[Class] = field(default_factory=Counter)
    """How many executions each happens-before class has."""
    ends: Counter[End] = field(default_factory=Counter)
    findings: Counter[Signature] = field(default_factory=Counter)
    """How many executions show each primary finding; empty without checkers."""
    states: set[State] = field(default_factory=set)
    shown: dict[Class, set[tuple[End, frozenset[Signature]]]] = field(default_factory=dict)
    """What each class comes to, and what checkers say of it: more than one thing if its executions are not alike."""


class _Looking(Watch):
    """Notes each state before a step: there every actor stands before its next op."""

    core: Core

    def __init__(self, machine: Machine, checkers: Iterable[Checker], states: set[State]) -> None:
        super().__init__(machine, checkers, footprints=True)
        self._states = states
        self._judges = bool(checkers)

    def before(self, actor: Actor, op: Op) -> None:
        self._look()
        super().before(actor, op)

    def over(self, core: Choosing) -> None:
        self._look()
        super().over(core)

    def _look(self) -> None:
        actors = sorted(self.core.actors, key=lambda actor: actor.path)
        self._states.add(
            State(
                self.machine.fingerprint,
                tuple([(actor.path, actor.local, actor.ended, actor.op.kind if actor.op else "") for actor in actors]),
                (self.machine.memory(), self.memory()) if self._judges else None,
            )
        )


def program_of(build: Build, sizes: Sizes | None = None) -> Program:
    """The program that a function furnishes machines of these sizes with."""
    name = getattr(build, "__name__", "program")
    return Program(name=name, title=name, build=build, digest=bytes(32), sizes=sizes or Sizes())


def brute(
    program: Program | Build, *, checkers: Iterable[Checker] = (), limit: int = LIMIT, max_steps: int = 1_000
) -> Everything | None:
    """Execute all that ``program`` can do; None if that is more than ``limit`` executions."""
    if not isinstance(program, Program):
        program = program_of(program)
    checkers = tuple(checkers)
    fresh, every, everything = program.machines(), Every(), Everything()
    while True:
        machine = fresh()
        machine.tabled = False  # an actor does what its coroutine does
        watch = _Looking(machine, checkers, everything.states)
        watch.core = core = Core(machine, every, watch=watch, max_steps=max_steps)
        try:
            if not core.begin(everything.executions):
                return everything
            if everything.executions == limit:
                return None
            core.advance()
            watch.over(core)
            _note(everything, core, watch)
        finally:
            core.wind_down(lambda call, *arguments: call(*arguments))


def _note(everything: Everything, core: Core, watch: Watch) -> None:
    machine, steps = core.machine, watch.steps
    assert steps is not None
    found = class_of(steps, core.stopped)
    primary = frozenset(finding.signature for finding in watch.findings if finding.primary)
    everything.executions += 1
    everything.stopped[core.stopped] += 1
    everything.classes[found] += 1
    end = end_of(machine, core)
    everything.ends[end] += 1
    everything.findings.update(primary)
    everything.shown.setdefault(found, set()).add((end, primary))


def end_of(machine: Machine, core: Choosing) -> End:
    """What this execution, which is over, has come to."""
    actors = sorted(core.actors, key=lambda actor: actor.path)
    return End(
        core.stopped,
        machine.fingerprint,
        tuple((thing.name, thing.value) for thing in machine.things.values() if isinstance(thing, Cell)),
        tuple((actor.path, actor.local, actor.ended, type(actor.failure).__name__) for actor in actors),
    )
