"""What an exploration may claim, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from dmabuf_async.strategies.faults import Sites
from dmabuf_async.trace.events import Finding, LockEdge, Signature

if TYPE_CHECKING:
    from dmabuf_async.explore.shrinking import Shrunk


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
    known: bool = False
    """It is not expected, but somebody accepts it: see :mod:`dmabuf_async.explore.accepted`."""
    by: str = ""
    """Of a portfolio: the member that found it first."""
    until: int = 0
    """The steps that show it, if no single one does: a run that ends too early, or the way in and one round of a run
    that goes round for ever; else 0."""
    chance: float | None = None
    """The probability that a random execution shows it, if that is known: exact, from the graph of all states."""
    edges: tuple[ShownEdge, ...] = ()
    """Of a lock order that goes in a circle only over several executions: what each of them shows; else empty."""
    shrunk: Shrunk | None = None
    """If the schedule has been shrunk: what it costs, and what is proved of that."""

    @property
    def least(self) -> str:
        """``1 preemption, 6 steps, proved minimal``; empty if the schedule is as it was found."""
        return "" if self.shrunk is None else str(self.shrunk)

    @property
    def unexpected(self) -> bool:
        """Whether it is neither expected nor known."""
        return not self.expected and not self.known


@dataclass(frozen=True, slots=True)
class Sample:
    """What a campaign's silence is worth: what executions showed that were looked at, and what it tells of others.

    The estimates are None unless its sampler draws each execution as it draws every other. Bounds hold with a
    confidence of 95 %. See :mod:`dmabuf_async.explore.species`.
    """

    sampler: str
    """The strategy that drew them; of a portfolio, one member."""
    drawn: int
    """Executions that it drew."""
    looked: int
    """Those of them whose class was looked at."""
    classes: int
    """Happens-before classes that these are of."""
    every_class: bool
    """False: there were too many to keep, and ``classes`` is an estimate."""
    states: int
    """States of machine and tasks that they came to."""
    every_state: bool
    """False: there were more."""
    new_per_thousand: float
    """Of the latest 1,000 that were looked at, or of all if they are fewer: how many were the first of their class."""
    new: float | None = None
    """The estimated chance that the next execution is of a new class: Good-Turing."""
    new_bound: float | None = None
    """It is not higher."""
    exist: float | None = None
    """How many classes exist, at least: Chao1, an estimate, ..."""
    exist_error: float | None = None
    """... and its standard error."""
    failure_bound: float | None = None
    """The chance that an execution shows something that is not expected is not higher; None if it was found."""


CORPUS: Final = "corpus"
"""Who found what only a remembered schedule shows: what ``Failure.by`` says of it."""

Became: TypeAlias = Literal["shown", "new", "mended", "changed", "kept"]


@dataclass(frozen=True, slots=True)
class Recalled:
    """What became of a schedule that an earlier campaign has left: see :mod:`dmabuf_async.campaign`."""

    file: str
    """Where it is remembered, or was."""
    code: str
    schedule: str
    """``dba1:...``"""
    became: Became
    """It shows its finding; it is remembered from now on; it shows it no more, or fits no more, and is forgotten; or
    that could not be decided."""
    why: str = ""
    """Why it is forgotten or kept; else empty."""


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
    finders: Mapping[Signature, Mapping[str, int]] = field(default_factory=dict)
    """Of a portfolio: how many executions of which member showed each."""
    missing: tuple[str, ...] = ()
    """Expected codes, if not one of them was found; else empty."""
    unseen: tuple[str, ...] = ()
    """Witnesses that ``sometimes`` asks for and that never came."""
    witnesses: Mapping[str, int] = field(default_factory=dict)
    """Of a search: how many executions, at least, showed each witness of ``sometimes``."""
    sites: Sites | None = None
    """Of a campaign that tries faults site by site: how far it came; else None."""
    sample: Sample | None = None
    """Of a campaign: what its silence is worth; None if no execution was looked at."""
    extent: str = ""
    """Of a search: what it covered, as ``1,680 classes`` or ``1,331 states, 3,630 transitions``; else empty."""
    bound: str = ""
    """Of a search that did not get to its end: where it was stopped; else empty."""
    left: str = ""
    """Of such a search: what is left, as far as can be said; else empty."""
    uncovered: tuple[str, ...] = ()
    """Of a search: codes that it does not look for, and cannot rule out."""
    recalled: tuple[Recalled, ...] = ()
    """Of a campaign with a corpus: what became of each schedule that was remembered, and which are from now on."""
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
