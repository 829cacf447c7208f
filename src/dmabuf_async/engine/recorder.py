"""What a page shows of an execution beside its steps: the state after each, and what synchronised it with others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from dmabuf_async.engine.core import Core
from dmabuf_async.engine.view import snapshot
from dmabuf_async.engine.watch import Watch
from dmabuf_async.trace.orders import latest

if TYPE_CHECKING:
    from typing import Any

    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.choosing import Choosing
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.snapshot import Snapshot
    from dmabuf_async.ops import Op
    from dmabuf_async.thing import Thing


class Recorder(Watch):
    """A watch that keeps the state after every step, and which steps of others each one comes right after.

    The second is by synchronisation order, and read off the machine itself: each step is an event of its actor like
    those that :mod:`~dmabuf_async.machine.order` counts, numbered ``beyond`` all of them, and goes where the past of
    its actor goes. ``beyond`` is more events than the execution has.
    """

    def __init__(self, machine: Machine, checkers: Iterable[Checker], *, beyond: int) -> None:
        super().__init__(machine, checkers, trace=True, footprints=True)
        self.snapshots: list[Snapshot] = []
        """Before the first step, and after each."""
        self.acquired: dict[int, frozenset[int]] = {}
        """Of each step that has some: the steps of other actors right before it, in synchronisation order."""
        self._beyond = beyond
        self._pasts = [0]
        self._known: dict[Actor, int] = {}

    def before(self, actor: Actor, op: Op) -> None:
        # Whoever made the step before stands before its next op only now
        self.snapshots.append(replace(snapshot(self.machine, self._core()), step=self.step))
        super().before(actor, op)
        actor.past |= 1 << self._beyond + self.step + 1

    def after(self, actor: Actor, op: Op, outcome: int, result: Any, written: tuple[Thing, ...]) -> None:
        super().after(actor, op, outcome, result, written)
        past = actor.past >> self._beyond
        fresh = past & ~self._known.get(actor, 0) & ~(1 << self.step)
        if fresh:
            self.acquired[self.step] = latest(_bits(fresh), self._pasts)
        self._pasts.append(past)
        self._known[actor] = past

    def over(self, core: Choosing) -> None:
        super().over(core)
        self.snapshots.append(replace(snapshot(self.machine, core), step=self.step))

    def _core(self) -> Core:
        core = self.machine.actors[0].run
        assert isinstance(core, Core)
        return core


def _bits(bits: int) -> Iterator[int]:
    """The numbers of the bits that are set, the lowest first."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low
