"""Sleep sets: transitions that need not be explored from a node, since elsewhere they were, or are being.

Godefroid: Partial-Order Methods for the Verification of Concurrent Systems (1996); with outcomes, and with faults that
need not happen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.strategies.wakeup_tree import initial

if TYPE_CHECKING:
    from dmabuf_async.strategies.wakeup_tree import Path, Transition


def asleep(sleep: Iterable[Transition], actor: Path, outcome: str) -> bool:
    """Whether this transition is in a sleep set."""
    for step in sleep:  # noqa: SIM110 - a generator costs more than most of these loops
        if step.actor == actor and step.outcome == outcome:
            return True
    return False


def redundant(sleep: Sequence[Transition], sequence: Sequence[Transition]) -> bool:
    """Whether all executions that begin with ``sequence`` have been explored, or are being explored, elsewhere."""
    if not sleep:
        return False
    idle: dict[Path, int] = {}
    for step in sleep:
        at = initial(step, sequence)
        if at < 0:
            continue
        if step.shares == 1 or at < len(sequence):
            return True
        # One outcome of several: only if all of them are asleep is there nothing left for the actor.
        idle[step.actor] = idle.get(step.actor, 0) + 1
        if idle[step.actor] == step.shares:
            return True
    return False
