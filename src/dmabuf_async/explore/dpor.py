"""The search by DPOR, as ``check`` runs it: see :mod:`dmabuf_async.strategies.dpor`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS, inline
from dmabuf_async.engine.footsteps import Footsteps
from dmabuf_async.engine.objects import Objects
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.frozen import frozen, thawed
from dmabuf_async.explore.guarding import guarded, repeats
from dmabuf_async.explore.progress import Progress
from dmabuf_async.explore.search import SLICE
from dmabuf_async.strategies.dpor import Dpor as Strategy

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.core import Core
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.scenario.program import Program


class Dpor:
    """Every happens-before class of ``program``, one execution each. Memory doesn't grow with their number."""

    name = "dpor"

    def __init__(
        self,
        program: Program,
        *,
        checkers: Iterable[Checker] = CHECKERS,
        max_steps: int = MAX_STEPS,
        optimal: bool = True,
    ) -> None:
        self.program = program
        self.progress = Progress()
        self.classes = 0
        self.blocked = 0
        """Executions that led to where everything had been explored."""
        self._checkers = tuple(checkers)
        self._max_steps = max_steps
        self._machines = program.machines()
        self._tree = Strategy(optimal=optimal)
        self._objects = Objects(self._tree)
        self._samples: list[tuple[int, tuple[int, ...]]] = []  # to be made again: how often, and their choices

    def advance(self) -> bool:
        """Go on for about :data:`SLICE` seconds; False once nothing is left. An interrupt leaves it whole."""
        until = time.monotonic() + SLICE
        while self._execute():
            if time.monotonic() >= until:
                return True
        return False

    def confirm(self) -> None:
        """That some of the executions are the same when they are made again."""
        samples, self._samples = self._samples, []
        for times, choices in samples:
            perform(guarded(self.program, choices, self._max_steps, times))

    def _execute(self) -> bool:
        """One more execution, unless nothing is left."""
        self._tree.rest()
        machine = self._machines()
        watch = self._watch(machine)
        core = inline.execute(machine, self._tree, watch=watch, max_steps=self._max_steps)
        if core is None:
            return False
        self._note(watch, core)
        return True

    def _watch(self, machine: Machine, *, footprints: bool = False) -> Footsteps:
        return Footsteps(machine, self._checkers, self._objects, footprints=footprints)

    def _note(self, watch: Footsteps, core: Core) -> None:
        if self._tree.blocked:
            self.blocked += 1
        else:
            self.classes += 1
        self.progress.note(self.program, watch, core)
        times = repeats(self.program, self.progress.executions, core.steps)
        if times:
            self._samples.append((times, tuple(core.choices)))

    @property
    def strength(self) -> str:
        return "exhaustive"

    @property
    def uncovered(self) -> tuple[str, ...]:
        """What takes a look at executions that don't end."""
        return ("eventually-violated",) if self.program.eventually else ()

    @property
    def extent(self) -> str:
        return f"{self.classes:,} class{'es' * (self.classes != 1)}"

    @property
    def left(self) -> str:
        done = self._tree.done
        if not done or self._tree.finished:
            return ""
        return f"about {round(self.progress.executions * (1 / done - 1)):,} executions"

    def checkpoint(self) -> bytes:
        """The tree as it stands between two executions, and what they came to."""
        self._tree.rest()
        objects = self._objects
        known = (self._tree, objects.numbers, objects.born, self.classes, self.blocked, self.progress)
        return frozen((self.name, self._max_steps, known))

    def resume(self, checkpoint: bytes) -> None:
        name, max_steps, known = thawed(checkpoint)
        if (name, max_steps) != (self.name, self._max_steps) or known[0].optimal != self._tree.optimal:
            raise ValueError("it is of another search")
        self._tree, numbers, born, self.classes, self.blocked, self.progress = known
        self._objects = Objects(self._tree)
        self._objects.numbers, self._objects.born = numbers, born

    def close(self) -> None:
        """Nothing is suspended between executions."""
