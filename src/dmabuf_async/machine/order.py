"""Synchronisation order: which events came before which (DESIGN 2, "Two orders").

Each actor, and each object that actors synchronise by, has a *past*: a bit set of the events
(writes of words, plain accesses of cells) that come before whatever it does next. An edge
joins pasts: unlock to lock, spawn and join, signal to wait, an IPI and its answer. What is no
such edge (frame words, PTEs, TLBs, cache lines) joins nothing, however it was ordered in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.thing import Thing


LANES: Final = 8
"""Numbers of events go round so many lanes. Each of the first tasks has one of its own; all others share the last."""


class Events:
    """Gives each event of an execution a bit of its own. Which one is never part of any state.

    The number tells how many events its lane had before, not how many there were in all: so tasks with a lane of
    their own give the same numbers in all interleavings of the same steps, and what is known of one is found again.
    """

    __slots__ = ("by", "count")

    def __init__(self) -> None:
        self.by: dict[int, Actor] = {}  # whose each event is, by its number
        self.count: tuple[int, ...] = (0,) * LANES
        """How many there were so far, by lane; may be set back."""

    def happen(self, actor: Actor) -> int:
        """An event of ``actor``: its bit, which is in the past of the actor from now on."""
        lane = actor.lane
        count = self.count
        number = count[lane]
        self.count = (*count[:lane], number + 1, *count[lane + 1 :])
        number = number * LANES + lane
        self.by[number] = actor
        bit = 1 << number
        actor.past |= bit
        return bit

    def epoch(self, actor: Actor) -> int:
        """The bit of all accesses of cells that ``actor`` makes until others can know of them: until it releases."""
        actor.epoch = bit = self.happen(actor)
        return bit

    def latest(self, bits: int) -> Actor:
        """Whose event one of these is: the one that has the most before it in its lane."""
        return self.by[bits.bit_length() - 1]


def acquire(actor: Thing, source: Thing) -> None:
    """What came before ``source`` comes before all that ``actor`` does from now on."""
    actor.past |= source.past


def release(actor: Actor, target: Thing) -> None:
    """What ``actor`` has done comes before all that is done by whoever acquires ``target``."""
    target.past |= actor.past
    actor.epoch = 0
