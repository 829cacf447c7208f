from __future__ import annotations

from collections.abc import Sequence

from dmabuf_async.strategies.races import HappensBefore, Race
from dmabuf_async.strategies.wakeup_tree import Transition


class Told:
    """An execution, step by step: (actor, what it reads, what it writes)."""

    def __init__(self, *steps: tuple[int, Sequence[int], Sequence[int]]) -> None:
        self.order = HappensBefore()
        self.latest: dict[int, int] = {}
        for _ in range(4):
            self.order.number()
        for actor, reads, writes in steps:
            own = self.own(actor)
            past = self.order.closure(own, self.order.conflicting(reads, writes))
            self.latest[actor] = len(self.order)
            self.order.append(step(actor, reads, writes), past, reads, writes)

    def own(self, actor: int) -> int:
        return self.order.pasts[self.latest[actor]] if actor in self.latest else 0


def step(actor: int, reads: Sequence[int] = (), writes: Sequence[int] = ()) -> Transition:
    return Transition((actor,), "", sum(1 << thing for thing in reads), sum(1 << thing for thing in writes), 1)


def test_conflicts_and_program_order_come_together_in_pasts() -> None:
    told = Told((0, [], [0]), (1, [0], []), (1, [], [1]), (2, [1], []), (2, [2], []))
    assert told.order.pasts == [0b1, 0b11, 0b111, 0b1111, 0b11111]
    assert Told((0, [], [0]), (1, [], [1]), (2, [0], [])).order.pasts == [0b1, 0b10, 0b101]


def test_what_is_cut_is_forgotten() -> None:
    told = Told((0, [], [0]), (1, [0], [1]), (2, [0, 1], []))
    told.order.cut(1)
    assert len(told.order) == 1
    assert told.order.conflicting([1], []) == 0
    assert told.order.conflicting([], [0]) == told.order.writing(0) == 1


def test_what_comes_after_a_step_and_what_does_not() -> None:
    told = Told((0, [], [0]), (1, [], [1]), (2, [0], []), (3, [1], []))
    assert told.order.after(1, 4) == 0b101
    assert told.order.independent(1, 1, 4) == [step(1, [], [1]), step(3, [1], [])]
    assert told.order.independent(0b11, 1, 4) == []


def racing(told: Told, actor: int, writes: Sequence[int], disabled: Sequence[int] = ()) -> list[int]:
    """The partners of a write, which is disabled before these steps."""
    second = step(actor, [], writes)
    conflicting = told.order.conflicting([], writes)

    def possible(firsts: int) -> tuple[list[Transition], int]:
        return ([] if firsts.bit_length() - 1 in disabled else [second]), conflicting

    found = list(told.order.racing(conflicting, told.own(actor), len(told.order), possible))
    assert all(race == Race(race.first, second, len(told.order)) for race in found)
    return [race.first for race in found]


def test_the_partners_are_the_latest_conflicts_that_are_not_ordered_otherwise() -> None:
    assert racing(Told((0, [0], []), (1, [0], [])), 2, [0]) == [1, 0]
    assert racing(Told((0, [], [0]), (1, [], [0])), 2, [0]) == [1]
    assert racing(Told((0, [], [0]), (2, [0], [])), 2, [0]) == []


def test_a_step_before_which_it_was_disabled_is_no_partner_and_orders_nothing() -> None:
    held = Told((0, [], [0]), (0, [], [1]), (0, [], [0]))
    assert racing(held, 1, [0], disabled=[2]) == [0]
    assert racing(held, 1, [0], disabled=[0, 2]) == []
