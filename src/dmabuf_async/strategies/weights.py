"""Weights to draw by, kept in a tree of sums: a change and a draw take as many steps as the tree is deep."""

from __future__ import annotations

from collections.abc import Sequence


class Weights:
    """Whole numbers of at least 0, each in a slot of its own."""

    def __init__(self, weights: Sequence[int]) -> None:
        self._slots = 0
        self._fill(weights)

    def _fill(self, weights: Sequence[int]) -> None:
        self._slots = len(weights)
        self._size = size = 1 << max(0, len(weights) - 1).bit_length()
        self._sums = sums = [0] * size + [*weights] + [0] * (size - len(weights))
        for at in range(size - 1, 0, -1):
            sums[at] = sums[2 * at] + sums[2 * at + 1]

    @property
    def total(self) -> int:
        return self._sums[1]

    def add(self, weight: int) -> int:
        """One more; its slot."""
        slot = self._slots
        if slot == self._size:
            self._fill([*self._sums[self._size :], 0])
            self._slots = slot
        self._slots += 1
        self.set(slot, weight)
        return slot

    def set(self, slot: int, weight: int) -> None:
        sums = self._sums
        at = slot + self._size
        more = weight - sums[at]
        if more:
            while at:
                sums[at] += more
                at >>= 1

    def draw(self, die: float) -> int:
        """The slot that a number in [0, 1) means; the total must not be 0."""
        sums, size = self._sums, self._size
        rest = int(die * sums[1])
        at = 1
        while at < size:
            at *= 2
            left = sums[at]
            if rest >= left:
                rest -= left
                at += 1
        return at - size
