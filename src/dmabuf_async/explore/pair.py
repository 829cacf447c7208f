"""Two searches of one program, slice by slice in turn: a race, or each against the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.explore.progress import Progress

if TYPE_CHECKING:
    from dmabuf_async.explore.search import Search


class Disagreement(Exception):
    """Two searches that were both finished came to different results: at least one of them is wrong."""


class Pair:
    """Two searches as one.

    In a race, which is the default, whichever ends first has proved it. With ``both``, each goes to its end, and they
    must have found the same: raises Disagreement, which names both, if they did not. That also holds for what the
    loser of a race had found. Findings are then told in the order of ``codes`` and of what their
    signatures say, and not in the winner's.
    """

    def __init__(self, one: Search, two: Search, *, both: bool = False, codes: Sequence[str] = CODES) -> None:
        self._searches = (one, two)
        self._going = [one, two]
        self._proved: list[Search] = []
        self._both = both
        self._codes = codes
        self.name = f"{one.name} {'and' if both else 'or'} {two.name}"

    def advance(self) -> bool:
        """A slice of each that is not at its end."""
        for search in self._searches:
            if search not in self._going or search.advance():
                continue
            self._going.remove(search)
            if search.strength.startswith("exhaustive") and not search.progress.cut:
                self._proved.append(search)
                if not self._both:
                    self._going.clear()
        if not self._going:
            self._compare()
            failures = self.progress.failures
            ordered = sorted(failures.items(), key=lambda one: (self._rank(one[0].code), str(one[0])))
            failures.clear()
            failures.update(ordered)
        return bool(self._going)

    def confirm(self) -> None:
        """What each takes for granted."""
        for search in self._searches:
            search.confirm()

    def _rank(self, code: str) -> int:
        return self._codes.index(code) if code in self._codes else len(self._codes)  # that of somebody's own checker

    @property
    def _won(self) -> Search | None:
        """The one that speaks for both, since it has proved everything."""
        return self._proved[0] if self._proved and not self._going else None

    @property
    def progress(self) -> Progress:
        """That of the one that proved it; before that, what both have seen."""
        return _united(*(search.progress for search in self._searches)) if self._won is None else self._won.progress

    @property
    def full(self) -> bool:
        """Whether one of them left something out for want of room."""
        return any(getattr(search, "full", False) for search in self._searches)

    @property
    def strength(self) -> str:
        """That of the one that proved it, or why neither did; of both, if each was to prove the other."""
        if self._won is not None and self._both and len(self._proved) == 1:
            return f"only {self._won.name} got to its end without leaving anything out"
        if self._won is not None:
            return self._won.strength
        return "; ".join(f"{search.name}: {search.strength}" for search in self._searches)

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Codes that neither of those that proved something looked for."""
        first, *others = self._proved or self._searches
        return tuple(code for code in first.uncovered if all(code in other.uncovered for other in others))

    @property
    def extent(self) -> str:
        """What the winner, or each of both, has covered."""
        return self._told("extent")

    @property
    def left(self) -> str:
        """What is left of each."""
        return self._told("left")

    def _told(self, what: str) -> str:
        if self._won is not None and not self._both:
            return str(getattr(self._won, what))
        told = ((search.name, str(getattr(search, what))) for search in self._searches)
        return "; ".join(f"{name}: {words}" for name, words in told if words)

    def checkpoint(self) -> bytes:
        """Those of both, one after the other."""
        parts = [search.checkpoint() for search in self._searches]
        if not any(parts):
            return b""
        return json.dumps([len(part) for part in parts]).encode() + b"\n" + b"".join(parts)

    def resume(self, checkpoint: bytes) -> None:
        """Go on from there. Raises ValueError if it is not of this pair."""
        line, _, rest = checkpoint.partition(b"\n")
        lengths = json.loads(line)
        if not isinstance(lengths, list) or len(lengths) != len(self._searches) or sum(lengths) != len(rest):
            raise ValueError("it does not hold two searches")
        for search, length in zip(self._searches, lengths, strict=True):
            if length:  # else it begins anew
                search.resume(rest[:length])
            rest = rest[length:]

    def close(self) -> None:
        """Both let go of what they hold."""
        for search in self._searches:
            search.close()

    def _compare(self) -> None:
        """Whatever one has seen, the other must have seen as well, if it has proved something."""
        for search in self._proved:
            for other in self._searches:
                for signature, failure in other.progress.failures.items():
                    if signature not in search.progress.failures and signature.code not in search.uncovered:
                        raise Disagreement(
                            f"{search.name} proved that there is no {signature.code} by {signature.role} "
                            f"({signature.site or 'no step'}), and {other.name} found it: {failure.schedule}"
                        )
                for actor, site in sorted(other.progress.reached - search.progress.reached):
                    raise Disagreement(
                        f"{search.name} proved that {actor} does not come to {site!r}, and {other.name} saw it there"
                    )


def _united(one: Progress, two: Progress) -> Progress:
    """What two searches have seen: executions are added up, findings are told once."""
    both = Progress(
        executions=one.executions + two.executions,
        steps=one.steps + two.steps,
        cut=one.cut + two.cut,
        failures=two.failures | one.failures,
        counts=one.counts | two.counts,
        reached=one.reached | two.reached,
        witnesses=one.witnesses | two.witnesses,
    )
    for locks in (one.locks, two.locks):
        both.locks.edges = locks.edges | both.locks.edges
        both.locks.counts |= locks.counts
        both.locks.together |= locks.together
    return both
