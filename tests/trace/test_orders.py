from __future__ import annotations

from dmabuf_async.trace.events import Event
from dmabuf_async.trace.orders import Arrow, arrows, latest


def step(number: int, actor: str, reads: str = "", writes: str = "") -> Event:
    return Event(number, actor, 0, "op", "op", reads=frozenset(reads.split()), writes=frozenset(writes.split()))


def test_a_write_comes_after_the_reads_since_the_last_write() -> None:
    events = [step(1, "a", reads="x"), step(2, "b", reads="x"), step(3, "c", writes="x")]
    assert arrows(events, {}) == (Arrow(1, 3, False, ("x",)), Arrow(2, 3, False, ("x",)))


def test_two_reads_are_not_ordered() -> None:
    assert arrows([step(1, "a", reads="x"), step(2, "b", reads="x")], {}) == ()


def test_what_follows_from_another_arrow_has_none() -> None:
    events = [step(1, "a", writes="x y"), step(2, "b", writes="x"), step(3, "c", reads="x y")]
    assert [(one.first, one.second) for one in arrows(events, {})] == [(1, 2), (2, 3)]


def test_program_order_needs_no_arrow_and_is_counted() -> None:
    events = [step(1, "a", writes="x"), step(2, "a", writes="y"), step(3, "b", reads="x y"), step(4, "b", reads="x")]
    assert [(one.first, one.second) for one in arrows(events, {})] == [(2, 3)]


def test_an_arrow_of_both_orders_synchronises() -> None:
    events = [step(1, "a", writes="lock word"), step(2, "b", writes="lock"), step(3, "b", reads="word")]
    assert arrows(events, {2: [1]}) == (Arrow(1, 2, True, ("lock",)),)


def test_what_synchronises_without_touching_the_same_is_an_arrow_too() -> None:
    assert arrows([step(1, "a", writes="x"), step(2, "b", writes="y")], {2: [1]}) == (Arrow(1, 2, True, ()),)


def test_only_the_latest_of_several_that_come_before_is_kept() -> None:
    pasts = [0, 0b10, 0b110, 0b1000]
    assert latest([1, 2, 3], pasts) == {2, 3}
    assert latest([1, 2, 3], pasts, covered=0b1000) == {2}
