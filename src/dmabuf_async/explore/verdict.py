"""What an exploration may claim, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dmabuf_async.trace.events import Finding, LockEdge, Signature


@dataclass(frozen=True, slots=True)
class ShownEdge:
    """Two locks taken one inside the other, and an execution that shows it."""

    edge: LockEdge
    schedule: str
    """``dba1:...``: replays it."""
    execution: int
    """Its number, from 1."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A finding with the schedule that shows it."""

    finding: Finding
    schedule: str
    """``dba1:...``: replays it."""
    execution: int
    """The number of the execution that showed it first, from 1."""
    expected: bool
    """The scenario says that this may, or must, be found."""
    until: int = 0
    """The steps that show it, if no single one does: a run that ends too early, or the way in and one round of a run
    that goes round for ever; else 0."""
    chance: float | None = None
    """The probability that a random execution shows it, if that is known: exact, from the graph of all states."""
    edges: tuple[ShownEdge, ...] = ()
    """Of a lock order that goes in a circle only over several executions: what each of them shows; else empty."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of exploring one scenario."""

    scenario: str
    """As it was named on the command line."""
    strength: str
    """``exhaustive``, ``exhaustive up to 2 preemptions``, ``sampled 400 (random)``, ``replayed``, ``refuted``,
    ``unfinished`` (DESIGN 7)."""
    executions: int
    steps: int
    seconds: float
    cut: int
    """Executions that ended at ``max_steps``."""
    failures: tuple[Failure, ...]
    """One for each signature of a primary finding, in the order of finding."""
    counts: Mapping[Signature, int] = field(default_factory=dict)
    """How many executions showed each primary signature."""
    missing: tuple[str, ...] = ()
    """Expected codes, if not one of them was found; else empty."""
    unseen: tuple[str, ...] = ()
    """Witnesses that ``sometimes`` asks for and that never came."""
    witnesses: Mapping[str, int] = field(default_factory=dict)
    """Of a search: how many executions, at least, showed each witness of ``sometimes``."""
    extent: str = ""
    """Of a search: what it covered, as ``1,680 classes`` or ``1,331 states, 3,630 transitions``; else empty."""
    bound: str = ""
    """Of a search that did not get to its end: where it was stopped; else empty."""
    left: str = ""
    """Of such a search: what is left, as far as can be said; else empty."""
    uncovered: tuple[str, ...] = ()
    """Of a search: codes that it does not look for, and cannot rule out."""
    error: str = ""
    """Why it could not be explored, in one paragraph; else empty."""
    interrupted: bool = False
    exit_code: int = 0
    """For this scenario alone (DESIGN 10)."""

    @property
    def proved(self) -> bool:
        """Whether nothing was left: what it says holds in every execution, or in every one within its bound."""
        return bool(self.extent) and not self.bound

    @property
    def as_expected(self) -> bool:
        return self.exit_code == 0
