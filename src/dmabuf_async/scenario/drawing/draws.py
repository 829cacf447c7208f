"""Where draws come from: numbers, of which 0 is always the simplest.

As Hypothesis has it, a drawn thing is the list of its draws, and a smaller list makes a simpler thing (MacIver and
Donaldson, "Test-Case Reduction via Test-Case Generation", ECOOP 2020): so what is drawn from can also shrink it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count
from typing import Protocol, TypeVar

from dmabuf_async.strategies.dice import dice

One = TypeVar("One")


class Draws(Protocol):
    """A source of numbers."""

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1; ``limit`` is at least 1."""
        ...


class Dice:
    """The same numbers for the same seed, everywhere."""

    def __init__(self, seed: int) -> None:
        self._random = dice(seed)

    def below(self, limit: int) -> int:
        return int(self._random() * limit)


def one_of(draws: Draws, among: Sequence[One]) -> One:
    """One of them; the first is the simplest."""
    return among[draws.below(len(among))]


def seldom(draws: Draws, of: int = 4) -> bool:
    """True once in so many draws; False is simpler."""
    return draws.below(of) == of - 1


def free(name: str, taken: Collection[str]) -> str:
    """``name``, or if that is taken ``name`` with the first number that is not."""
    return next(one for number in count(1) if (one := f"{name}{number}" if number > 1 else name) not in taken)
