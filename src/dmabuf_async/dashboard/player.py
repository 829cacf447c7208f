"""Which moment of an execution is shown: what the keys do, without a terminal and without a clock of its own.

Every moment is kept, as snapshots are immutable: a step back is a look at an earlier one. Snapshots share what does not
change between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from dmabuf_async.machine.snapshot import Snapshot
from dmabuf_async.trace.events import Event, Finding

FASTEST: Final = 1024.0
SLOWEST: Final = 1 / 8
"""Steps a second between which the keys change the speed, by a factor of 2."""
MOST: Final = 20_000
"""Moments that are kept; of an execution that is longer, the first are forgotten."""
_POLL: Final = 0.03
"""Seconds until somebody looks at the keyboard again: nobody feels so little."""


class Moment(NamedTuple):
    """What there is to be shown after a step."""

    snapshot: Snapshot
    events: int
    """So many of all events had been made."""
    findings: int


class Player:
    """Plays what is recorded while it is recorded; at the latest moment it asks for one more.

    Times are in seconds, of any clock that goes on: ``now`` of each call.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        """Steps a second."""
        self.playing = True
        self.over = False
        """No more will be recorded."""
        self.left = False
        """Somebody has seen enough."""
        self.word = ""
        """What came of the latest key, if it cannot be seen otherwise."""
        self._moments: list[Moment] = []
        self._events: list[Event] = []
        self._findings: list[Finding] = []
        self._at = 0
        self._due = 0.0
        self._seeking = False
        self._wanted = 0  # steps that somebody has asked for one by one

    # What is recorded ------------------------------------------------------------

    def record(self, snapshot: Snapshot, events: Sequence[Event], findings: Sequence[Finding], now: float) -> None:
        """The state after one more step, and what is new since the last time.

        A second one of the same step takes the place of the first.
        """
        shown = self._at == len(self._moments) - 1 or not self._moments
        self._events += events
        self._findings += findings
        if self._moments:
            before = self._moments[-1].snapshot
            snapshot = _sharing(snapshot, before)
            if before.step == snapshot.step:
                self._moments.pop()
        self._moments.append(Moment(snapshot, len(self._events), len(self._findings)))
        if len(self._moments) > MOST:
            forgotten = MOST // 20
            del self._moments[:forgotten]
            self._at = max(0, self._at - forgotten)
        if shown:
            self._at = len(self._moments) - 1
            self._due = now + 1 / self.speed
        self._wanted = max(0, self._wanted - 1)
        if self._seeking and self._is_found(len(self._moments) - 1):
            self._stop_at(len(self._moments) - 1)

    def end(self) -> None:
        """The execution is over."""
        self.over = True
        if self._seeking:
            self._stop_at(len(self._moments) - 1)
            self._to_a_finding()

    # What is shown ---------------------------------------------------------------

    @property
    def moment(self) -> Moment | None:
        """The one that is shown; None before the first."""
        return self._moments[self._at] if self._moments else None

    def events(self, most: int) -> list[Event]:
        """The latest that had happened then."""
        made = self._moments[self._at].events if self._moments else 0
        return self._events[max(0, made - most) : made]

    def findings(self) -> list[Finding]:
        """All that had been stated then."""
        return self._findings[: self._moments[self._at].findings] if self._moments else []

    @property
    def is_last(self) -> bool:
        """Whether nothing comes after what is shown, now or later."""
        return self.over and self._at == len(self._moments) - 1

    @property
    def status(self) -> str:
        """In a few words, what it does."""
        if self._seeking:
            return "looks for a finding"
        behind = len(self._moments) - 1 - self._at
        where = f", {behind} back" if behind > 0 else ""
        speed = f"{self.speed:g}/s" if self.speed >= 1 else f"1 in {1 / self.speed:g} s"
        return self.word or (speed if self.playing and not self.is_last else "paused" * (not self.is_last)) + where

    # What is done ----------------------------------------------------------------

    def press(self, key: str, now: float) -> None:
        """``pause``, ``on``, ``back``, ``faster``, ``slower``, ``finding`` or ``quit``; others do nothing."""
        self.word = ""
        sought, self._seeking = self._seeking, False
        self._wanted = self._wanted if key == "on" else 0
        if key == "pause":
            again = self.is_last
            self.playing = again or not (self.playing or sought)
            self._at = 0 if again else self._at
            self._due = now + (1 / self.speed if again else 0)
        elif key == "on":
            self.playing = False
            if self._at < len(self._moments) - 1:
                self._at += 1
            else:
                self._wanted += not self.over
        elif key == "back":
            self._stop_at(max(0, self._at - 1))
        elif key in {"faster", "slower"}:
            wished = self.speed * (2 if key == "faster" else 0.5)
            self.speed = min(max(wished, min(self.speed, SLOWEST)), max(self.speed, FASTEST))
            self._due = min(self._due, now + 1 / self.speed)
        elif key == "finding":
            self._to_a_finding()
        elif key == "quit":
            self.left = True

    def wait(self, now: float) -> float:
        """Go on if it is time to; how many seconds until the next call, or 0: one more step is to be made."""
        latest = self._at == len(self._moments) - 1 or not self._moments
        if not self.over and (self._wanted or self._seeking):
            return 0.0
        if self.playing and not self.is_last and now >= self._due:
            if latest:
                return 0.0
            self._at += 1
            self._due = max(self._due + 1 / self.speed, now - _POLL)
        return _POLL if not self.playing or self.is_last else min(_POLL, max(0.001, self._due - now))

    def _stop_at(self, at: int) -> None:
        self._at, self.playing, self._seeking = at, False, False

    def _is_found(self, at: int) -> bool:
        """Whether a rule is first broken there, and not only as a consequence."""
        before = self._moments[at - 1].findings if at else 0
        return any(finding.primary for finding in self._findings[before : self._moments[at].findings])

    def _to_a_finding(self) -> None:
        """To the next one; if there is none yet, go on until there is; from the last one, to the first again."""
        places = [at for at in range(len(self._moments)) if self._is_found(at)]
        later = [at for at in places if at > self._at]
        if later:
            self._stop_at(later[0])
        elif not self.over:
            self._at = len(self._moments) - 1
            self.playing, self._seeking = False, True
        elif places:
            self._stop_at(places[0])
        else:
            self.word = "nothing was found"


def _sharing(new: Snapshot, old: Snapshot) -> Snapshot:
    """The new one, with the parts of the old one that are equal."""
    return replace(
        new,
        actors=_shared(new.actors, old.actors),
        buffers=_shared(new.buffers, old.buffers),
        zones=_shared(new.zones, old.zones),
        shared=_shared(new.shared, old.shared),
        devices=_shared(new.devices, old.devices),
        vmas=_shared(new.vmas, old.vmas),
    )


def _shared(new: tuple[Any, ...], old: tuple[Any, ...]) -> tuple[Any, ...]:
    if new == old:
        return old
    pairs = zip_longest(new, old[: len(new)])
    return tuple(before if before == after else after for after, before in pairs)
