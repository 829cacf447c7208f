"""A schedule as segments: who goes on for how many steps, and which ops come to something else than calm.

That is how a schedule is edited (``ALGORITHMS``, Shrinking): with a segment taken out, what is left still means
something, whereas taking one number out of a list of choices moves the meaning of all that follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple, TypeAlias

from dmabuf_async.explore.following import Label
from dmabuf_async.ops import CALM

Path: TypeAlias = tuple[int, ...]
"""An actor: its path of spawns."""


class Made(NamedTuple):
    """A step that was made."""

    path: Path
    outcome: int
    fallible: bool
    """The op is of a kind that can fail."""
    fault: bool
    """It was one, as :class:`~dmabuf_async.explore.cost.Cost` counts."""

    @property
    def label(self) -> Label:
        return self.path, self.outcome

    @property
    def whim(self) -> bool:
        """The environment did it of its own accord."""
        return self.fault and self.outcome == CALM


class Segment(NamedTuple):
    """One actor makes so many steps, or fewer if it has to wait, or ends."""

    path: Path
    steps: int
    whim: bool
    """The environment does it of its own accord: a fault."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tolerant replay tries to do. Hashable, so that none is tried twice."""

    segments: tuple[Segment, ...]
    faults: tuple[tuple[tuple[Path, int], int], ...] = ()
    """((actor, which of its ops that can fail, from 0), outcome): all that are not calm."""
    outcomes: Mapping[tuple[Path, int], int] = field(init=False, compare=False, repr=False)
    """The same, to be asked."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcomes", dict(self.faults))


def planned(made: Sequence[Made]) -> Plan:
    """The plan whose replay makes these very steps."""
    segments = tuple(
        Segment(path, len(list(steps)), whim)
        for (path, whim), steps in groupby(made, key=lambda one: (one.path, one.whim))
    )
    seen: dict[Path, int] = {}
    faults = []
    for step in made:
        if step.fallible:
            number = seen.get(step.path, 0)
            seen[step.path] = number + 1
            if step.outcome:
                faults.append(((step.path, number), step.outcome))
    return Plan(segments, tuple(faults))
