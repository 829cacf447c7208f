"""What an execution leaves behind, as plain data: events, findings, a trace.

Nothing here knows the machine. Reports, dashboards and files are written from
these types alone, so that they can be made from a run that is long over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Event:
    """One step: an actor performed one op."""

    step: int
    """Counted from 1."""
    actor: str
    """Unique name: ``display``; a child that it spawned: ``display/0``."""
    cpu: int | None
    """The CPU that the actor stands on; None for the environment."""
    kind: str
    """The kind of op, one word: ``lock``, ``switch``, ``kmap``."""
    text: str
    """The op in words: ``copy word 0: ram#2 to swap#0``."""
    result: str = ""
    """What came of it, if that is worth showing: ``ram#1``, ``ENOMEM``."""
    fault: bool = False
    """True if the environment made this op fail, or is the one who acts."""
    preempts: str | None = None
    """The actor that could have gone on and was not allowed to."""
    site: str = ""
    """Where in the program: the scenario step, or the function."""
    reads: frozenset[str] = frozenset()
    """Names of the objects that the step read, what checkers read included."""
    writes: frozenset[str] = frozenset()
    """Names of the objects that the step wrote."""


@dataclass(frozen=True, slots=True)
class LockEdge:
    """Somebody took a lock while it held another (PROTOCOL 4, lock-order)."""

    before: str
    """The class of the lock that was held; its name, if both are of one class."""
    after: str
    """The class, or name, of the lock that was taken."""
    actor: str
    held: str
    taken: str
    """Names of the locks."""


@dataclass(frozen=True, slots=True)
class Signature:
    """By which two findings are told apart (DESIGN 6)."""

    code: str
    rule: str
    role: str
    """The actor's name without the numbers of spawned children."""
    site: str
    object_class: str

    @property
    def place(self) -> str:
        """``mover, step 1 migrate``: whose it is, and of which step of its program."""
        return ", ".join(filter(None, (self.role, self.site.partition(":")[0])))

    def __str__(self) -> str:
        return f"{self.code} ({self.rule}) by {self.role} at {self.site or '?'} on {self.object_class}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule was broken: what, by whom, at which step, to which objects."""

    code: str
    """Stable: ``moved-while-pinned``; ``explain CODE`` tells the rest."""
    rule: str
    """Ids of PROTOCOL.md: ``V7``; empty for the program family."""
    message: str
    """One sentence without a full stop, with the names of this execution."""
    step: int
    """The step at which the rule was first broken, from 1; 0: not in one execution alone."""
    actor: str
    objects: tuple[str, ...] = ()
    signature: Signature = field(default=Signature("", "", "", "", ""))
    primary: bool = True
    """False if another finding lies in its causal past (conflict order)."""


@dataclass(frozen=True, slots=True)
class Trace:
    """All events of one execution, in order, with what was found."""

    actors: tuple[str, ...]
    """In canonical order: by path of spawns, then the environment."""
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]
    waiting: tuple[Event, ...] = ()
    """What actors stand before when the run is over and can't do, as steps numbered 0."""

    def causal_past(self, finding: Finding) -> frozenset[int]:
        """The steps that ``finding`` depends on: the one at which it is stated, and all that comes before that.

        By conflict order: program order, and ops on one object of which one
        writes (DESIGN 2). Everything else could be left out without changing
        what happened at that step. A deadlock depends on what brought each of its actors to where it waits.
        """
        step, objects = finding.step, frozenset(finding.objects)
        waits = self.waiting if finding.code == "deadlock" else ()
        members = [event for event in waits if not objects.isdisjoint(event.reads | event.writes)]
        past: set[int] = set()
        actors = {event.actor for event in members}
        reads = {name for event in members for name in event.reads}
        writes = {name for event in members for name in event.writes}
        for event in reversed(self.events[:step]):
            if (
                event.step == step
                or event.actor in actors
                or not event.writes.isdisjoint(reads)
                or not event.writes.isdisjoint(writes)
                or not event.reads.isdisjoint(writes)
            ):
                past.add(event.step)
                actors.add(event.actor)
                reads |= event.reads
                writes |= event.writes
        return frozenset(past)


def locks(events: Iterable[Event]) -> set[str]:
    """Names of what locking touches in these steps: it orders steps, and is not what they are about."""
    return {name for event in events if event.kind.startswith(_LOCKING) for name in event.reads | event.writes}


_LOCKING: Final = ("lock", "trylock", "unlock", "spin", "down_", "up_", "user mode", "open group", "close group")
"""How kinds of ops begin that order steps."""
