"""What checkers remember, by numbers, and what they remember after a step without working it out again.

To work it out costs as much as there is memory and who knows of it (:mod:`~dmabuf_async.machine.memory_key`). But what
it is after a step follows from what it was before, from who makes which step, and from the state of what that touches.
That a footprint may be wrong is not taken on trust: now and then it is worked out all the same.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

from dmabuf_async.errors import AuditError

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.ops import Op

ROOM: Final = 200_000
"""Steps of which it is kept what they lead to; as many that came before are kept until as many more have come."""

EVERY: Final = 128
"""Of each kind of op one known step in so many is worked out all the same, and the 1st, 2nd, 4th, 8th..."""


class Remembered:
    """What checkers remember of one machine. ``numbers``: of all memories that were ever seen, each one's number."""

    __slots__ = ("_after", "_before", "_cause", "_known", "_machine", "_numbers", "now")

    def __init__(self, machine: Machine, numbers: dict[Hashable, int]) -> None:
        self.now: int | None = None
        """The number of the present memory, if it is known."""
        self._machine = machine
        self._numbers = numbers
        self._after: dict[Hashable, int] = {}  # the number after a step, by all that it follows from
        self._before: dict[Hashable, int] = {}  # the same, of steps that were met before these
        self._cause: Hashable = None  # this of the latest step, if it is not known yet what it leads to
        self._known: dict[type[Op], int] = {}  # how often it was

    def number(self) -> int:
        """The number of the present memory."""
        now = self.now
        if now is None:
            numbers = self._numbers
            self.now = now = numbers.setdefault(self._machine.memory(), len(numbers))
            if self._cause is not None:
                self._keep(self._cause, now)
        return now

    def put_back(self, now: int | None) -> None:
        """It is again as it was."""
        self.now = now
        self._cause = None

    def change(self, actor: Actor, op: Op, cause: Hashable) -> None:
        """``actor`` has made a step, which has changed it. ``cause``: all that this follows from, or None."""
        known = self._after.get(cause)
        if known is None and (known := self._before.get(cause)) is not None:
            self._keep(cause, known)
        self.now = known
        if known is None:
            self._cause = cause
            return
        self._cause = None
        count = self._known[op.__class__] = self._known.get(op.__class__, 0) + 1
        if not (count & count - 1 and count % EVERY) and self._numbers.get(self._machine.memory()) != known:
            raise AuditError(
                f"{actor.name}: what checkers remember after {op.describe()} differs where all that it touches was the "
                "same before, and what they remembered, too: it touches more than it says"
            )

    def _keep(self, cause: Hashable, number: int) -> None:
        if len(self._after) >= ROOM:
            self._before, self._after = self._after, {}
        self._after[cause] = number
