"""Executions for which happens-before is kept, step by step from the first on, and nothing is made of it.

What DPOR does beyond that is search: it reverses races, and begins each execution where the one before it parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.footsteps import Footsteps
from dmabuf_async.engine.objects import Objects
from dmabuf_async.engine.watch import Watch
from dmabuf_async.strategies.dpor import Dpor
from dmabuf_async.strategies.replay import Replay

if TYPE_CHECKING:
    from dmabuf_async.engine.choosing import Choosing
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Op
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.races import Race
    from dmabuf_async.strategies.wakeup_tree import Transition


class Kept(Dpor):
    """The order of one execution's steps, without a tree."""

    def made(
        self,
        step: Transition,
        past: int,
        reads: Sequence[int],
        writes: Sequence[int],
        races: Sequence[Race],
        alternatives: Sequence[str],
    ) -> bool:
        self.order.append(step, past, reads, writes)
        return True


class Keeping(Footsteps):
    """Watches one execution, and looks for no race."""

    def _races(self, actor: Actor, op: Op, conflicting: int, own: int) -> list[Race]:
        return []

    def over(self, core: Choosing) -> None:
        Watch.over(self, core)


def keep(one: Program, schedules: Iterable[Sequence[int]]) -> list[int]:
    """Execute these, all checkers on; what came before each step of the last one."""
    machines, tree = one.machines(), Kept()
    objects = Objects(tree)
    for schedule in schedules:
        tree.order.cut(0)
        machine = machines()
        inline.execute(machine, Replay(schedule), watch=Keeping(machine, CHECKERS, objects))
    return tree.order.pasts
