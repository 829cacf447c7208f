"""A clock for trio that shows the machine's virtual time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from dmabuf_async.machine.machine import Machine


class VirtualClock(trio.abc.Clock):
    """One tick of the machine is one second of ``trio.current_time()``; nothing really waits.

    With pytest-trio, a fixture that returns one becomes the clock of the test's run.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._seen = 0
        self._skipped = 0.0

    def start_clock(self) -> None:
        """Nothing runs by itself."""

    def current_time(self) -> float:
        """The machine's time, and what was skipped while nothing was runnable.

        It never goes back, though the machine's does when it is reset.
        """
        now = self._machine.clock.now
        if now < self._seen:
            self._skipped += self._seen
        self._seen = now
        return now + self._skipped

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Called by trio only when nothing is runnable: then go on to the deadline at once."""
        if math.isinf(deadline):
            return 999.0  # wait for what comes from outside
        self._skipped += max(0.0, deadline - self.current_time())
        return 0.0
