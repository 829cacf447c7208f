"""Synchronisation order: which events came before which (DESIGN 2, "Two orders").

Each actor, and each object that actors synchronise by, has a *past*: a bit set of the events
(writes of words, plain accesses of cells) that come before whatever it does next. An edge
joins pasts: unlock to lock, spawn and join, signal to wait, an IPI and its answer. What is no
such edge (frame words, PTEs, TLBs, cache lines) joins nothing, however it was ordered in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.thing import Thing


class Events:
    """Gives each event of an execution a bit of its own. Which one is never part of any state."""

    __slots__ = ("_by",)

    def __init__(self) -> None:
        self._by: list[Thing] = []

    @property
    def count(self) -> int:
        """How many there were so far; may be set back."""
        return len(self._by)

    @count.setter
    def count(self, count: int) -> None:
        del self._by[count:]

    def happen(self, actor: Thing) -> int:
        """An event of ``actor``: its bit, which is in the past of the actor from now on."""
        by = self._by
        bit = 1 << len(by)
        by.append(actor)
        actor.past |= bit
        return bit

    def epoch(self, actor: Actor) -> int:
        """The bit of all accesses of cells that ``actor`` makes until others can know of them: until it releases."""
        by = self._by  # as `happen`
        actor.epoch = bit = 1 << len(by)
        by.append(actor)
        actor.past |= bit
        return bit

    def latest(self, bits: int) -> Thing:
        """Whose event the latest of these is."""
        return self._by[bits.bit_length() - 1]


def acquire(actor: Thing, source: Thing) -> None:
    """What came before ``source`` comes before all that ``actor`` does from now on."""
    actor.past |= source.past


def release(actor: Actor, target: Thing) -> None:
    """What ``actor`` has done comes before all that is done by whoever acquires ``target``."""
    target.past |= actor.past
    actor.epoch = 0
