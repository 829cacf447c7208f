from __future__ import annotations

import pickle
from itertools import count

import pytest

from dmabuf_async.strategies.dice import HIGHEST, SIZE, Dice, answers, dice, number


def test_the_dice_are_stable() -> None:
    roll = dice(0)
    assert [round(roll(), 12) for _ in range(3)] == [0.844421851525, 0.757954402940, 0.420571580831]
    assert all(0 <= roll() < 1 for _ in range(1000))


def test_whoever_looks_at_dice_sees_what_will_be_rolled() -> None:
    roll, ahead = dice(7), Dice(7)
    for seen, rolled in ((0, 3), (5, 4), (3, 3), (20, 4), (20, 40), (1, 1)):
        look = ahead.look(seen) if seen else b""
        assert len(look) == seen * SIZE
        numbers = [ahead.roll() for _ in range(rolled)]
        assert numbers == [roll() for _ in range(rolled)]
        assert [number(look, at) for at in range(min(seen, rolled))] == numbers[:seen]


def test_dice_that_are_skipped_count_as_rolled_and_a_later_skip_of_the_same_look_counts_instead() -> None:
    roll, ahead = dice(1), Dice(1)
    rolls = [roll() for _ in range(12)]
    ahead.look(10)
    ahead.skip(6)
    ahead.skip(2)
    assert number(ahead.look(3), 0) == rolls[2]
    ahead.skip(1)
    again = pickle.loads(pickle.dumps(ahead))  # noqa: S301 - our own
    assert again.roll() == ahead.roll() == rolls[3]


def test_what_is_put_is_rolled_next() -> None:
    one, other = Dice(1), Dice(2)
    seen = one.look(2)
    other.put(seen)
    roll = other.roll
    assert [roll(), roll()] == [number(seen, 0), number(seen, 1)]


@pytest.mark.parametrize("options", [1, 2, 3, 4, 5, 7, 8, 12, 100, 255, 256, 300])
def test_the_highest_byte_decides_or_says_that_it_does_not(options: int) -> None:
    table = answers(options)
    assert table[256:] == (options,)
    undecided = set(range(256))
    for byte, answer in zip(range(256), table, strict=False):
        for rest in (0, (1 << 56) - 1, 1 << 55):  # the least, the greatest, and one between them
            low, high = rest & 0xFFFFFF, rest >> 24
            seen = low.to_bytes(HIGHEST, "little") + bytes([byte]) + high.to_bytes(4, "little")
            if answer != options:
                undecided.discard(byte)
                assert int(number(seen, 0) * options) == answer
    assert len(undecided) <= options - 1
    assert undecided or not options & options - 1 or options > 256


def test_random_bytes_decide_as_numbers_do() -> None:
    ahead = Dice(3)
    for options, _ in zip(count(2), range(30), strict=False):
        seen = ahead.look(500)
        ahead.skip(500)
        for at, byte in enumerate(seen[HIGHEST::SIZE]):
            assert answers(options)[byte] in {int(number(seen, at) * options), options}
