"""Races: pairs of conflicting steps of an execution that could have come in the other order.

Happens-before is conflict order: program order, and conflicts of footprints as they were when each step was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dmabuf_async.strategies.wakeup_tree import Path, Transition


@dataclass(slots=True)
class Race:
    """Two steps that conflict, the second of which was possible before the first."""

    first: int
    """The number of the earlier step."""
    second: Transition
    """The later one, as it would be in its place before the first."""
    until: int
    """It is known to be so if no step from this number on comes before it; 0: if any do."""
    also: int = 0
    """Further steps that it comes before."""


class HappensBefore:
    """The steps of one execution, and which of them come before which.

    A set of steps is a number with a bit for each. Objects are numbered from 0 as they turn up.
    """

    def __init__(self) -> None:
        self.pasts: list[int] = []
        """Of each step: those that come before it, itself among them."""
        self.steps: list[Transition] = []
        self.latest: dict[Path, int] = {}
        """The number of an actor's latest step; -1 if it has made none, like those that are not in it."""
        self._earlier: list[int] = []  # of each step: the one of its actor before, or -1
        self._writers: list[int] = []
        self._users: list[int] = []

    def __len__(self) -> int:
        return len(self.pasts)

    def writing(self, thing: int) -> int:
        """The steps that write this object."""
        return self._writers[thing]

    def number(self) -> int:
        """A number for one more object."""
        self._writers.append(0)
        self._users.append(0)
        return len(self._users) - 1

    def conflicting(self, reads: Iterable[int], writes: Iterable[int]) -> int:
        """The steps that conflict with one that touches these objects."""
        found = 0
        for thing in writes:
            found |= self._users[thing]
        for thing in reads:
            found |= self._writers[thing]
        return found

    def closure(self, own: int, conflicting: int) -> int:
        """``own`` and all that comes before ``conflicting``."""
        pasts = self.pasts
        left = conflicting & ~own
        while left:
            own |= pasts[left.bit_length() - 1]
            left &= ~own
        return own

    def latest_of(self, conflicting: int, own: int) -> Iterator[int]:
        """Those of ``conflicting`` that come before no other of them, nor among ``own``; the last one first."""
        pasts = self.pasts
        left = conflicting & ~own
        while left:
            first = left.bit_length() - 1
            left &= ~pasts[first]
            yield first

    def append(self, step: Transition, past: int, reads: Sequence[int], writes: Sequence[int]) -> None:
        """One more step has been made, after those of ``past``."""
        bit = 1 << len(self.pasts)
        users = self._users
        for thing in writes:
            users[thing] |= bit
            self._writers[thing] |= bit
        for thing in reads:
            users[thing] |= bit
        self._earlier.append(self.latest.get(step.actor, -1))
        self.latest[step.actor] = len(self.pasts)
        self.steps.append(step)
        self.pasts.append(past | bit)

    def cut(self, length: int) -> None:
        """Forget all but the first ``length`` steps."""
        keep, latest = (1 << length) - 1, self.latest
        self._users = [steps & keep for steps in self._users]
        self._writers = [steps & keep for steps in self._writers]
        for at in range(len(self.pasts) - 1, length - 1, -1):
            latest[self.steps[at].actor] = self._earlier[at]
        del self._earlier[length:], self.steps[length:], self.pasts[length:]

    def after(self, firsts: int, end: int) -> int:
        """The steps ``firsts`` and those before ``end`` that come after one of them."""
        found = firsts
        pasts = self.pasts
        for at in range((firsts & -firsts).bit_length(), end):
            if pasts[at] & firsts:
                found |= 1 << at
        return found

    def independent(self, firsts: int, begin: int, end: int) -> list[Transition]:
        """The steps from ``begin`` on and before ``end`` that don't come after one of ``firsts``."""
        if begin >= end:
            return []
        pasts, steps = self.pasts, self.steps
        return [steps[at] for at in range(begin, end) if not pasts[at] & firsts]

    def racing(
        self,
        conflicting: int,
        own: int,
        until: int,
        possible: Callable[[int], tuple[Sequence[Transition], int]],
        also: int = 0,
    ) -> Iterator[Race]:
        """Races of an op that comes after ``own`` in any case, and conflicts with the steps ``conflicting``.

        ``possible`` says of a step what the op could come to in its place, and with what it would conflict
        there. Where it is disabled, that step is no partner, since reversing the two leads nowhere; and what comes
        before that step is not ordered by it. So the partner of a lock's acquisition is the previous acquisition,
        and that of a wait is the latest write before which its condition held. ``also`` is a step that it is to come
        before, too.
        """
        pasts = self.pasts
        left = conflicting & ~own
        covered: dict[str, int] = {}
        while left:
            first = left.bit_length() - 1
            left ^= 1 << first
            past = pasts[first]
            seconds, more = possible(1 << first | also)
            for second in seconds:
                if not covered.get(second.outcome, 0) >> first & 1:
                    covered[second.outcome] = covered.get(second.outcome, 0) | past
                    yield Race(first, second, until, also)
            if not seconds:
                left |= more & past & ~own & ~(1 << first)
            elif len(seconds) == seconds[0].shares:  # whatever it may come to
                left &= ~past
