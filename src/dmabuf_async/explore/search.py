"""The search: an exhaustive exploration of one program, made in slices, that says at any moment what it has proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dmabuf_async.explore.progress import Progress

SLICE = 0.05
"""Seconds of work, about, between two looks at the clock and at the progress."""


class Search(Protocol):
    """What ``check`` asks of a search: DPOR, the state graph, or a bounded one. It runs inline.

    What ``progress`` counts as executions is what the search really made.
    """

    @property
    def name(self) -> str:
        """``dpor``, ``graph``, ``bounded``."""
        ...

    @property
    def progress(self) -> Progress:
        """How far it is."""
        ...

    def advance(self) -> bool:
        """Go on for about :data:`SLICE` seconds; False once nothing is left. An interrupt leaves it whole."""
        ...

    def confirm(self) -> None:
        """Try again, now and then, what it takes for granted: that the program is a function of the answers.

        Called after each slice. Raises ReplayDiverged, which names who does something else.
        """
        ...

    @property
    def strength(self) -> str:
        """What is proved once nothing is left: ``exhaustive``, ``exhaustive up to 2 preemptions``; never more."""
        ...

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Codes of findings that it does not look for, and so cannot rule out; most searches look for all."""
        ...

    @property
    def extent(self) -> str:
        """What has been covered so far, in words: ``1,680 classes``, ``1,331 states, 3,630 transitions``."""
        ...

    @property
    def left(self) -> str:
        """What is left, as far as can be estimated: ``about 12,000 executions``; empty if nothing can be said."""
        ...

    def checkpoint(self) -> bytes:
        """All that :meth:`resume` needs to go on in another process."""
        ...

    def resume(self, checkpoint: bytes) -> None:
        """Go on from there, before the first ``advance``. Raises ValueError if it is not of this search."""
        ...

    def close(self) -> None:
        """Leave no coroutine suspended, whether or not it is complete. It does not go on after that."""
        ...
