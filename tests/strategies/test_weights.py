from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from dmabuf_async.strategies.weights import Weights

numbers = st.lists(st.integers(0, 9), min_size=1, max_size=20)


@given(numbers, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=30))
def test_each_slot_is_drawn_by_as_many_of_all_dice_as_it_weighs(
    weights: list[int], changes: list[tuple[int, int]]
) -> None:
    tree = Weights(weights)
    for slot, weight in changes:
        if slot < len(weights):
            tree.set(slot, weight)
            weights[slot] = weight
        else:
            assert tree.add(weight) == len(weights)
            weights.append(weight)
    assert tree.total == sum(weights)
    drawn = Counter(tree.draw((number + 0.5) / tree.total) for number in range(tree.total))
    assert drawn == Counter({slot: weight for slot, weight in enumerate(weights) if weight})
