"""How much of what a program can do a campaign has seen, as far as a sample of its executions tells.

What holds of the executions that are yet to be made can only be told from some that were drawn in the same way,
independently of one another: those of one sampler. Which of them are looked at is
decided by their numbers, before they are drawn.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from math import isqrt
from typing import TYPE_CHECKING, Final

from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.classes import ClassWatch
from dmabuf_async.explore.species import chao1, good_turing, new_bound, rate_bound
from dmabuf_async.explore.tally import Tally
from dmabuf_async.explore.verdict import Sample

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.audit import Audit
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.strategies.base import Strategy

INDEPENDENT: Final = frozenset({"random"})
"""Samplers that draw each execution as they draw every other: the rest measure, adapt, or take turns."""

FIRST: Final = 50
"""So many executions are looked at one after another; of those that follow, about 4 times the root of their number. For
to look costs half as much again as to make an execution, and many times as much where it need not be made (see
:class:`~dmabuf_async.explore.known.Known`); in either case the same ones are looked at."""

ROOM: Final = 1 << 17
"""States that are told apart."""


class Coverage:
    """What is looked at of a campaign, and what it showed: executions of its strategy, or of one of a portfolio.

    Nothing is, unless they are ``judged``: the silence of nobody is worth nothing.
    """

    def __init__(self, strategy: Strategy, *, judged: bool = True) -> None:
        self._strategy = strategy
        self._judged = judged
        self._mixed = hasattr(strategy, "playing")
        self.sampler: str = "random" if self._mixed else getattr(strategy, "name", type(strategy).__name__)
        self.drawn = 0
        """Executions that the sampler drew, looked at or not."""
        self._tally = Tally()
        self._states: set[int] = set()
        self._looks = False

    @property
    def ahead(self) -> int:
        """How many executions of the sampler come before the next one that is looked at."""
        if not self._judged:
            return sys.maxsize
        if self.drawn < FIRST:
            return 0
        before = isqrt(16 * self.drawn)  # it grows by one at each that is looked at
        return -(-((before + 1) ** 2) // 16) - 1 - self.drawn

    def watch(
        self,
        machine: Machine,
        checkers: Iterable[Checker] = (),
        *,
        looks: bool | None = None,
        audit: Audit | None = None,
    ) -> Watch:
        """Watches the next execution. Looks at it or not; None: as is decided when it is known who draws it."""
        if not self._judged:
            return Watch(machine, checkers, audit=audit)
        self._looks = looks is True
        wanted = self._wanted if looks is None else lambda: self._looks
        return ClassWatch(machine, checkers, wanted=wanted, states=self._states, room=ROOM, audit=audit)

    def _wanted(self) -> bool:
        self._looks = self._draws and not self.ahead
        return self._looks

    @property
    def _draws(self) -> bool:
        """Whether the current execution is the sampler's."""
        return not self._mixed or getattr(self._strategy, "playing", "") == self.sampler

    def note(self, watch: Watch) -> None:
        """An execution has been made, to be looked at or not."""
        self.drawn += self._draws
        if self._looks:
            self.look(watch)

    def look(self, watch: Watch) -> None:
        """The class of an execution has been seen to its end."""
        assert isinstance(watch, ClassWatch)
        self._tally.note(watch.happens_before)

    def sample(self, *, found: bool) -> Sample | None:
        """What it comes to; ``found``: something was found that is not expected."""
        counts = self._tally.counts()
        if not counts.n:
            return None
        told = Sample(
            sampler=self.sampler,
            drawn=self.drawn,
            looked=counts.n,
            classes=round(counts.seen),
            every_class=self._tally.exact,
            states=len(self._states),
            every_state=len(self._states) < ROOM,
            new_per_thousand=1000 * counts.recent / min(1000, counts.n),
        )
        if self.sampler not in INDEPENDENT:
            return told
        least = chao1(counts.n, counts.seen, counts.once, counts.twice)
        return replace(
            told,
            new=good_turing(counts.n, counts.once),
            new_bound=new_bound(counts.n, counts.once, counts.later, counts.fresh),
            exist=least.classes,
            exist_error=least.error,
            failure_bound=None if found else rate_bound(0, self.drawn),
        )
