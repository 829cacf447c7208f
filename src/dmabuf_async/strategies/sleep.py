"""Sleep sets: transitions that need not be explored from a node, since elsewhere they were, or are being.

Godefroid: Partial-Order Methods for the Verification of Concurrent Systems (1996); with outcomes, and with faults that
need not happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.strategies.wakeup_tree import without

if TYPE_CHECKING:
    from dmabuf_async.strategies.wakeup_tree import Path, Transition


def asleep(sleep: Iterable[Transition], actor: Path, outcome: str) -> bool:
    """Whether this transition is in a sleep set."""
    return any(step.actor == actor and step.outcome == outcome for step in sleep)


def redundant(sleep: Sequence[Transition], sequence: Sequence[Transition]) -> bool:
    """Whether all executions that begin with ``sequence`` have been explored, or are being explored, elsewhere."""
    idle: dict[Path, int] = {}
    for step in sleep:
        rest = without(step, sequence)
        if rest is None:
            continue
        if step.shares == 1 or len(rest) < len(sequence):
            return True
        # One outcome of several: only if all of them are asleep is there nothing left for the actor.
        idle[step.actor] = idle.get(step.actor, 0) + 1
        if idle[step.actor] == step.shares:
            return True
    return False
