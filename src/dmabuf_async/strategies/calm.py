"""Calm: nobody is preempted, nothing fails."""

from __future__ import annotations

from dmabuf_async.strategies.base import ChoicePoint, RunInfo


class Calm:
    """Takes option 0 everywhere: the current actor as long as it is enabled, then the first by path."""

    name = "calm"

    def start(self, run: RunInfo) -> bool:
        return True

    def choose(self, point: ChoicePoint) -> int:
        return 0
