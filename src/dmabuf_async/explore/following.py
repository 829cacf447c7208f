"""Following labels: the execution in which given transitions are made, whatever number each has among the options."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.ops import CALM
from dmabuf_async.strategies.base import STOP

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.base import ChoicePoint, RunInfo
    from dmabuf_async.trace.events import Finding

Label: TypeAlias = tuple[tuple[int, ...], int]
"""A transition across executions: the actor's path of spawns, and the outcome of its op."""


def follow(
    program: Program, labels: Sequence[Label], checkers: Iterable[Checker]
) -> tuple[tuple[int, ...], list[Finding]]:
    """Execute these transitions and stop; the choices that lead there, and what was found on the way.

    Raises ReplayDiverged if one of them cannot be made.
    """
    machine = program.machines()()
    watch = Watch(machine, checkers)
    following = _Following(labels, watch)
    core = inline.execute(machine, following, watch=watch, max_steps=len(labels))
    assert core is not None
    return tuple(core.choices), watch.findings


class _Following:
    """The strategy that makes the transitions; points with one option are not asked, so it counts steps."""

    def __init__(self, labels: Sequence[Label], watch: Watch) -> None:
        self._labels = labels
        self._watch = watch

    def start(self, run: RunInfo) -> bool:
        return True

    def choose(self, point: ChoicePoint) -> int:
        step = self._watch.step
        if step >= len(self._labels):
            return STOP
        path, outcome = self._labels[step]
        if point.is_outcome:
            return outcome
        for index, option in enumerate(point.options):
            if option.actor.path == path and (option.outcome == "" or outcome != CALM):
                return index
        raise ReplayDiverged(f"step {step + 1}: the task {path} that should go on cannot: the program is not the same")
