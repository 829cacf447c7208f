"""Replay: the answers of a recorded schedule, then calm."""

from __future__ import annotations

from collections.abc import Sequence

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.strategies.base import ChoicePoint, RunInfo


class Replay:
    """Gives the recorded answers one by one. When they are used up, option 0 is taken.

    An answer that the choice point doesn't allow raises ReplayDiverged: the scenario
    has changed since the schedule was recorded.
    """

    name = "replay"

    def __init__(self, choices: Sequence[int]) -> None:
        self._choices = choices
        self._at = 0

    def start(self, run: RunInfo) -> bool:
        self._at = 0
        return True

    def choose(self, point: ChoicePoint) -> int:
        at = self._at
        if at >= len(self._choices):
            return 0
        self._at = at + 1
        choice = self._choices[at]
        if choice >= point.n:
            raise ReplayDiverged(
                f"choice {at + 1} of the schedule is option {choice}, but only options 0 to {point.n - 1} exist there: "
                "the scenario's steps or actors have changed since this schedule was recorded"
            )
        return choice

    @property
    def unused(self) -> int:
        """How many recorded answers the execution did not ask for."""
        return len(self._choices) - self._at
