"""The only source of chance: its sequence is documented as stable across versions of Python."""

from __future__ import annotations

from collections.abc import Callable
from random import Random


def dice(seed: int) -> Callable[[], float]:
    """A generator of numbers in [0, 1), the same for the same seed everywhere."""
    return Random(seed).random  # noqa: S311 - no secret is made here
