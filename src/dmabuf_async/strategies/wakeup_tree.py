"""Transitions, and trees of sequences of them that are yet to be explored.

Abdulla, Aronis, Jonsson, Sagonas: Source Sets: A Foundation for Optimal Dynamic Partial Order Reduction (JACM 2017).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Path: TypeAlias = tuple[int, ...]
"""Who an actor is in all executions: the path of spawns."""


@dataclass(slots=True)
class Transition:
    """What one actor does at one state, and what that touches there. Never changed; not frozen, as that costs time."""

    actor: Path
    outcome: str
    reads: int
    """A bit for each object."""
    writes: int
    shares: int
    """How many transitions its actor has to choose from; 0: it may do without, as faults of the environment do.

    What has no choice happens sooner or later, unless something happens that conflicts with it."""

    def depends(self, other: Transition) -> bool:
        """Whether the two may not be swapped."""
        writes = self.writes
        return bool(
            writes & (other.reads | other.writes) or self.reads & other.writes or self.actor == other.actor
        )  # fmt: skip

    def coming_to(self, outcome: str, shares: int) -> Transition:
        """The same with another outcome, one of so many."""
        return Transition(self.actor, outcome, self.reads, self.writes, shares)


def without(step: Transition, sequence: Sequence[Transition]) -> Sequence[Transition] | None:
    """What is left of ``sequence`` once ``step`` has been made first; None if it can't be (no *weak initial* of it).

    A step that is not in the sequence and independent of all of it can, if it happens anyway.
    """
    at = initial(step, sequence)
    if at < 0:
        return None
    return sequence if at == len(sequence) else (*sequence[:at], *sequence[at + 1 :])


def initial(step: Transition, sequence: Sequence[Transition]) -> int:
    """Where in ``sequence`` is ``step``, a *weak initial* of it; its length if it isn't there; -1 if it is none."""
    actor, reads, writes = step.actor, step.reads, step.writes
    at = 0
    for other in sequence:
        if other.actor == actor:
            return at if other.outcome == step.outcome else -1
        if writes & (other.reads | other.writes) or reads & other.writes:  # as `depends`, without the call
            return -1
        at += 1
    return at if step.shares else -1


class Branch:
    """A transition that is yet to be explored, and how to go on after it; nothing below: however one likes."""

    __slots__ = ("below", "step", "wakes")

    def __init__(self, step: Transition, below: list[Branch]) -> None:
        self.step = step
        self.below = below
        self.wakes: Transition | None = None
        """What is to be explored after it although it is asleep and independent."""

    def __repr__(self) -> str:
        return f"<{self.step.actor} {self.step.outcome} {self.below}>"


def insert(branches: list[Branch], sequence: Sequence[Transition]) -> bool:
    """Add ``sequence`` to a wakeup tree; False if what is in it covers that."""
    while sequence:
        for branch in branches:
            rest = without(branch.step, sequence)
            if rest is not None:
                if not branch.below:
                    return False
                branches, sequence = branch.below, rest
                break
        else:
            branches += chain(sequence)
            return True
    return False


def force(branches: list[Branch], sequence: Sequence[Transition]) -> Branch:
    """Add ``sequence`` to a wakeup tree even if what is independent of it covers it; its last transition there."""
    while True:
        for branch in branches:
            rest = without(branch.step, sequence)
            if rest is not None and len(rest) < len(sequence):
                break
        else:
            (branch,) = chain(sequence)
            branches.append(branch)
            while branch.below:
                branch = branch.below[0]
            return branch
        if not rest:
            return branch
        branches, sequence = branch.below, rest


def chain(sequence: Iterable[Transition]) -> list[Branch]:
    """The tree of one sequence."""
    below: list[Branch] = []
    for step in reversed(tuple(sequence)):
        below = [Branch(step, below)]
    return below


def deepest_first(roots: Iterable[list[Branch]]) -> list[list[Branch]]:
    """All lists of branches in these trees, each after those below it; a root that lies in another one comes later."""
    found: list[list[Branch]] = []
    seen = set[int]()
    left = list(roots)[::-1]
    while left:
        branches = left.pop()
        if id(branches) not in seen:
            seen.add(id(branches))
            found.append(branches)
            left += [branch.below for branch in branches]
    return found[::-1]


def grafted(branches: Iterable[Branch], step: Transition) -> list[Branch]:
    """A copy of the tree for when ``step`` has been made first: as far as nothing in it depends on that."""
    copy: list[Branch] = []
    left = [(branches, copy)]
    while left:
        source, target = left.pop()
        for branch in source:
            if not branch.step.depends(step):
                target.append(Branch(branch.step, []))
                left.append((branch.below, target[-1].below))
    return copy


def extract(branches: list[Branch], step: Transition) -> list[list[Transition]]:
    """Take out of the tree all sequences that ``step`` can begin, and return what is left of each after it."""
    found = []
    above: list[Branch] = []  # the way to the branches that are being looked at
    left = [iter(branches[:])]
    while left:
        level = above[-1].below if above else branches
        branch = next(left[-1], None)
        if branch is None:
            left.pop()
            if above:
                done = above.pop()
                if not level:
                    (above[-1].below if above else branches).remove(done)
        elif same(branch.step, step):
            way = [one.step for one in above]
            found += [[*way, *rest] for rest in sequences(branch.below)]
            level.remove(branch)
        elif branch.below and not branch.step.depends(step):
            above.append(branch)
            left.append(iter(branch.below[:]))
    return found


def free_of(step: Transition, sequence: Iterable[Transition]) -> list[Transition]:
    """What is left of a sequence that comes after ``step`` if that is not made: what does not depend on it."""
    lost = [step]
    left: list[Transition] = []
    for other in sequence:
        (lost if any(other.depends(one) for one in lost) else left).append(other)
    return left


def sequences(branches: Iterable[Branch]) -> list[list[Transition]]:
    """All sequences of a tree; one that is empty, if there is nothing in it."""
    found = []
    way: list[Transition] = []
    left = [iter(branches)]
    while left:
        branch = next(left[-1], None)
        if branch is None:
            left.pop()
            if way:
                way.pop()
        elif branch.below:
            way.append(branch.step)
            left.append(iter(branch.below))
        else:
            found.append([*way, branch.step])
    return found or [[]]


def same(step: Transition, other: Transition) -> bool:
    """Whether it is the same actor, with the same outcome."""
    return step.actor == other.actor and step.outcome == other.outcome
