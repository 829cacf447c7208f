"""The only source of chance: its sequence is documented as stable across versions of Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from itertools import chain
from operator import length_hint
from random import Random
from struct import Struct

SIZE = 8
"""Bytes of a die: two words of the generator, of which a number in [0, 1) is made."""


_WORDS = Struct("<II").unpack_from


def dice(seed: int) -> Callable[[], float]:
    """A generator of numbers in [0, 1), the same for the same seed everywhere."""
    return Random(seed).random  # noqa: S311 - no secret is made here


class Dice:
    """The same numbers as :func:`dice` gives, which may be looked at before they are rolled."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 - no secret is made here
        self._seen = b""
        self._at = 0  # where in it the latest look began
        self._left = iter(range(0))  # where in it are those that have not been rolled

    @property
    def roll(self) -> Callable[[], float]:
        """What gives the next number. To be asked for again after each look."""
        random = self._random.random
        if not length_hint(self._left):
            return random
        return chain(map(partial(number, self._seen), self._left), iter(random, None)).__next__

    def look(self, count: int) -> bytes:
        """So many of the next numbers as bytes, see :func:`number`; none is rolled."""
        left = length_hint(self._left)
        self._at = len(self._seen) // SIZE - left
        if left < count:
            more = SIZE * (count - left)
            self._seen = self._seen[SIZE * self._at :] + self._random.getrandbits(8 * more).to_bytes(more, "little")
            self._at = 0
        self.skip(0)
        return self._seen[SIZE * self._at : SIZE * (self._at + count)]

    def skip(self, count: int) -> None:
        """Of those that the latest look showed, so many are rolled, and no others."""
        self._left = iter(range(self._at + count, len(self._seen) // SIZE))

    def put(self, seen: bytes) -> None:
        """What is to come next, and nothing else that was looked at."""
        self._seen, self._at = seen, 0
        self.skip(0)


def number(seen: bytes, at: int) -> float:
    """The number that comes after so many others: CPython's ``Random.random``, made of the words that it takes."""
    first: int
    second: int
    first, second = _WORDS(seen, SIZE * at)
    return ((first >> 5 << 26) + (second >> 6)) / (1 << 53)


HIGHEST = 3
"""Which byte of a die decides most."""


@cache
def answers(count: int) -> tuple[int, ...]:
    """For each highest byte of a die: ``int(number * count)``, or ``count`` where the others matter. Then ``count``."""
    least = [(int(byte / 256 * count), int(((byte + 1 << 45) - 1) / (1 << 53) * count)) for byte in range(256)]
    return (*(low if low == high else count for low, high in least), count)
