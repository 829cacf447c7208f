"""What a schedule costs: by this shrinking tells which of two is the smaller story."""

from __future__ import annotations

from typing import Final, NamedTuple


class Cost(NamedTuple):
    """What it took to come to a finding; the lower is the better, the first number before all others."""

    faults: int
    """Outcomes that were not the calm one, and what the environment did of its own accord, save that time went on."""
    preemptions: int
    """Switches away from an actor that could have gone on. What the environment does is none."""
    switches: int
    """Steps on a CPU by another actor than made the latest one there, preemptions among them."""
    steps: int
    """The step at which the finding is stated; for what is found at the end of a run, all steps of it."""

    def __str__(self) -> str:
        """In words: ``1 preemption, 6 steps``."""
        faults = [counted(self.faults, "fault")] if self.faults else []
        return ", ".join((*faults, counted(self.preemptions, "preemption"), counted(self.steps, "step")))


def counted(number: int, noun: str) -> str:
    """``no step``, ``1 step``, ``2 steps``."""
    return f"{number:,} {noun}{'s' * (number > 1)}" if number else f"no {noun}"


FREE: Final = Cost(0, 0, 0, 0)
"""Before the first step."""
