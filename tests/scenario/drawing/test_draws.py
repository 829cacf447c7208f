"""Where draws come from."""

from __future__ import annotations

from dmabuf_async.scenario.drawing.draws import Dice, free, one_of, seldom


class Zeros:
    def below(self, limit: int) -> int:
        return 0


def test_dice_show_the_same_for_the_same_seed_and_every_number_below_the_limit() -> None:
    first, second = Dice(3), Dice(3)
    shown = [first.below(5) for _ in range(200)]
    assert shown == [second.below(5) for _ in range(200)]
    assert set(shown) == set(range(5))


def test_the_simplest_draw_is_the_first_thing_and_nothing_seldom() -> None:
    assert one_of(Zeros(), "abc") == "a"
    assert not seldom(Zeros())


def test_a_name_that_is_taken_gets_the_first_number_that_is_not() -> None:
    assert free("user", []) == "user"
    assert free("user", ["user", "user2", "user4"]) == "user3"
