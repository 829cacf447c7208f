from __future__ import annotations

from dmabuf_async.strategies.dice import dice


def test_the_dice_are_stable() -> None:
    roll = dice(0)
    assert [round(roll(), 12) for _ in range(3)] == [0.844421851525, 0.757954402940, 0.420571580831]
    assert all(0 <= roll() < 1 for _ in range(1000))
