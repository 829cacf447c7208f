from __future__ import annotations

from dmabuf_async.engine.objects import Objects
from dmabuf_async.strategies.dpor import Dpor
from dmabuf_async.thing import Thing


def test_a_thing_has_the_same_number_whenever_it_turns_up_and_no_other_has_it() -> None:
    objects = Objects(Dpor())
    one, two = Thing("one"), Thing("two")
    assert objects.of([one, two, one]) == [0, 1, 0]
    assert objects.of([Thing("two"), Thing("three")]) == [1, 2], "by name: executions make things anew"
    assert objects.tree.order.writing(2) == 0
