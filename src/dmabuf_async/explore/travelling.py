"""A stepper that goes to any state it has been in: back to where the ways part, and forward from there."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from dmabuf_async.engine.stepper import Stepper
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.walk import labelled

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.stepper import Taken
    from dmabuf_async.explore.following import Label
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.trace.events import Finding


class Arrived(NamedTuple):
    """What a transition led to."""

    state: int
    new: bool
    findings: list[Finding]
    """Stated at the transition."""


class Traveller:
    """The states of one program, numbered as they are come to; 0 is where it begins.

    ``live``: coroutines are resumed, and to go back means to begin anew. Unless it is, any step may raise
    :class:`~dmabuf_async.engine.advancing.Untabled`.
    """

    def __init__(self, program: Program, checkers: Iterable[Checker], *, live: bool) -> None:
        self._machines = program.machines()
        self._checkers = tuple(checkers)
        self._live = live
        self._memories: dict[Hashable, int] = {}
        self._states: dict[Hashable, int] = {}
        self._came: list[tuple[int, Label]] = []  # to each state but the first: from where, and how
        self._path: list[tuple[int, Taken | None]] = []  # from the beginning to where it stands
        self._depth: dict[int, int] = {}  # where on it each of its states is
        self.stepper = self._fresh()
        self._states[self.stepper.key()] = 0

    def __len__(self) -> int:
        return len(self._states)

    def take(self, state: int, label: Label) -> Arrived:
        """Make a transition of a state, and stand where it leads to."""
        stepper = self._go(state)
        findings = stepper.seen.findings
        before = len(findings)
        taken = stepper.make(labelled(stepper, label))
        key = stepper.key()
        target = self._states.setdefault(key, len(self._states))
        new = target == len(self._came) + 1
        if new:
            self._came.append((state, label))
        arrived = Arrived(target, new, findings[before:])
        if target in self._depth:  # round in a circle
            self._undo(taken)
        else:
            self._stand(target, taken)
        return arrived

    def close(self) -> None:
        """Leave no coroutine suspended."""
        self.stepper.close()

    def _go(self, state: int) -> Stepper:
        """Stand at a state."""
        ahead: list[tuple[int, Label]] = []
        at = state
        while at not in self._depth:
            before, label = self._came[at - 1]
            ahead.append((at, label))
            at = before
        back = len(self._path) - 1 - self._depth[at]
        if back and self._live:
            self.close()
            self.stepper = self._fresh()
            return self._go(state)
        for _ in range(back):
            passed, taken = self._path.pop()
            del self._depth[passed]
            self._undo(taken)
        for at, label in reversed(ahead):
            self._stand(at, self.stepper.make(labelled(self.stepper, label)))
        return self.stepper

    def _fresh(self) -> Stepper:
        machine = self._machines()
        watch = Watch(machine, self._checkers)
        self._live = self._live or watch.audited  # which looks at coroutines
        machine.tabled = not self._live
        stepper = Stepper(machine, watch, self._memories, live=self._live)
        self._path = [(0, None)]
        self._depth = {0: 0}
        return stepper

    def _stand(self, state: int, taken: Taken | None) -> None:
        self._depth[state] = len(self._path)
        self._path.append((state, taken))

    def _undo(self, taken: Taken | None) -> None:
        if taken is None:
            self.close()
            self.stepper = self._fresh()
        else:
            self.stepper.undo(taken)
