"""Sleep sets: what need not be explored."""

from __future__ import annotations

from dmabuf_async.strategies.sleep import asleep, redundant
from dmabuf_async.strategies.wakeup_tree import Transition


def step(actor: int, outcome: str = "", *, writes: int = 0, shares: int = 1) -> Transition:
    return Transition((actor,), outcome, 0, writes, shares)


def test_sleep_is_by_actor_and_outcome() -> None:
    sleeper = step(1, "ENOMEM", shares=2)
    assert asleep([sleeper], (1,), "ENOMEM")
    assert not asleep([sleeper], (1,), "")


def test_what_a_sleeping_step_can_begin_is_redundant() -> None:
    assert redundant([step(1, writes=1)], [step(0, writes=2), step(1, writes=1)])
    assert redundant([step(1, writes=1)], [step(0, writes=2)])
    assert not redundant([step(1, writes=1)], [step(0, writes=1), step(1, writes=1)])


def test_one_outcome_of_several_leaves_others_unless_all_are_asleep() -> None:
    calm, fails = step(1, "", writes=1, shares=2), step(1, "ENOMEM", writes=1, shares=2)
    assert not redundant([calm], [step(0, writes=2)])
    assert redundant([calm, fails], [step(0, writes=2)])
    assert redundant([calm], [step(0, writes=2), calm])
