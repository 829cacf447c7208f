"""A program: what can be executed, from whatever it was written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.scenario.containment import contents
from dmabuf_async.scenario.properties import Property


@dataclass(frozen=True, slots=True)
class Program:
    """A machine of certain sizes, a function that furnishes it, and what is expected of it."""

    name: str
    """As the user named it: a path, or ``file.py:function``."""
    title: str
    build: Callable[[Machine], object]
    """Makes the objects and declares the tasks."""
    digest: bytes
    """Identifies what is simulated, for schedules."""
    sizes: Sizes = Sizes()
    findings: tuple[str, ...] = ()
    """Expected codes: at least one of them as primary, and no other. Empty: nothing may be found."""
    sometimes: tuple[str, ...] = ()
    """Witnesses that some execution must show: ``TASK reaches STEP``."""
    always: tuple[Property, ...] = ()
    """What must hold in every state; every exploration judges it."""
    eventually: tuple[Property, ...] = ()
    """What every fair execution must come to: :meth:`Property.bind` makes a predicate over a machine's objects of it.

    Only the state graph can decide it."""
    reusable: bool = False
    """All that changes lies in the machine, and nothing but results decides what a task does.

    Then one machine is reset instead of made anew, and tasks that did a thing before need not be resumed to
    know what they do next (DESIGN 2, State); see :attr:`tabled`."""
    story: str = ""

    @property
    def tabled(self) -> bool:
        """Whether one machine serves for all executions, and tasks go by tables: said, or read off the tasks' code."""
        return self.reusable or _is_contained(self.build, self.sizes)

    def machines(self) -> Callable[[], Machine]:
        """A source of machines in the initial state, one at a time: asking again ends the use of the last."""
        kept: Machine | None = None

        def fresh() -> Machine:
            nonlocal kept
            if kept is not None:
                kept.reset()
                return kept
            machine = Machine(self.sizes)
            self.build(machine)
            machine.properties += [one.bind(machine) for one in self.always]
            machine.seal()
            if self.tabled:
                machine.tabled = machine.reused = True
                kept = machine
            return machine

        return fresh


@lru_cache(64)
def _is_contained(build: Callable[[Machine], object], sizes: Sizes) -> bool:
    """Whether nothing but results decides what the tasks do, and they are the same whenever they are made."""
    found = []
    for _ in range(2):
        machine = Machine(sizes)
        build(machine)
        machine.seal()
        found.append(contents(machine))
        if found[0] is None:
            return False
    return found[0] == found[1]
