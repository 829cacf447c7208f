from __future__ import annotations

import pytest

from dmabuf_async.strategies.wakeup_tree import (
    Branch,
    Transition,
    chain,
    extract,
    force,
    free_of,
    grafted,
    insert,
    sequences,
    without,
)

X, Y = 1, 2


def read(actor: int, thing: int = X, outcome: str = "", shares: int = 1) -> Transition:
    return Transition((actor,), outcome, thing, 0, shares)


def write(actor: int, thing: int = X, shares: int = 1) -> Transition:
    return Transition((actor,), "", 0, thing, shares)


def told(branches: list[Branch]) -> list[list[int]]:
    return [[step.actor[0] for step in sequence] for sequence in sequences(branches)]


@pytest.mark.parametrize(
    ("one", "two", "depends"),
    [
        (read(0), read(1), False),
        (read(0), write(1), True),
        (write(0), write(1), True),
        (write(0), write(1, Y), False),
        (read(0), read(0, Y), True),
    ],
)
def test_steps_depend_on_each_other_if_one_writes_what_the_other_touches_or_one_actor_makes_both(
    one: Transition, two: Transition, depends: bool
) -> None:
    assert one.depends(two) is two.depends(one) is depends


def test_a_step_that_nothing_holds_back_can_be_made_first() -> None:
    assert without(read(2), [read(0), write(1, Y), read(2)]) == (read(0), write(1, Y))
    assert without(read(2), [write(0), read(2)]) is None


def test_a_step_that_is_not_there_can_be_made_first_if_it_is_sure_to_happen() -> None:
    assert without(read(2), [read(0)]) == [read(0)]
    assert without(read(2, shares=0), [read(0)]) is None
    assert without(read(2), [write(0)]) is None


def test_another_outcome_is_another_step() -> None:
    assert without(read(0, outcome="EINTR"), [read(0)]) is None


def test_a_tree_grows_only_by_what_is_not_covered() -> None:
    tree: list[Branch] = []
    assert insert(tree, [write(0), read(1)])
    assert not insert(tree, [write(0), read(1)])
    assert not insert(tree, [write(0), read(1), write(2)])  # its subtree is explored in full
    assert not insert(tree, [write(0)])
    assert insert(tree, [read(1), write(0)])
    assert insert(tree, [write(0), write(2)])
    assert told(tree) == [[0, 1], [0, 2], [1, 0]]


def test_what_is_forced_in_is_not_covered_by_what_is_independent_of_it() -> None:
    tree = chain([write(2, Y)])
    assert not insert(tree, [read(0), read(1)])
    leaf = force(tree, [read(0), read(1)])
    assert leaf.step == read(1)
    assert told(tree) == [[2], [0, 1]]
    assert force(tree, [read(1), read(0)]).step == read(1)
    assert told(tree) == [[2], [0, 1]]


def test_what_a_step_can_begin_is_taken_out_and_told_without_it() -> None:
    tree = [*chain([read(0), read(1), read(2)]), *chain([write(2), read(1)])]
    assert extract(tree, read(1)) == [[read(0), read(2)]]
    assert told(tree) == [[2, 1]]


def test_a_graft_ends_where_something_depends_on_the_step() -> None:
    tree = chain([read(0, Y), write(1), read(2)])
    assert told(grafted(tree, read(3))) == [[0]]
    assert told(grafted(tree, read(3, 4))) == [[0, 1, 2]]


def test_trees_may_be_deeper_than_python_can_recurse() -> None:
    deep = [read(actor) for actor in range(5_000)]
    assert sequences(chain(deep)) == [deep]
    assert sequences(grafted(chain(deep), read(5_000))) == [deep]
    assert sequences(grafted(chain(deep), write(5_000))) == [[]]
    branches = chain(deep)
    assert extract(branches, deep[-1]) == [deep[:-1]]
    assert not branches
    branches = chain(deep)
    insert(branches, [*deep[:-1], write(5_000)])
    assert extract(branches, deep[-1]) == [deep[:-1]]
    assert sequences(branches) == [[*deep[:-1], write(5_000)]]


def test_a_branch_tells_what_lies_below_it() -> None:
    assert repr(chain([read(1, outcome="ENOMEM")])) == "[<(1,) ENOMEM []>]"


def test_without_a_step_all_that_depends_on_it_is_gone_and_what_depends_on_that() -> None:
    sequence = [read(2), read(3, Y), write(2, Y), read(3, Y), write(4, 4)]
    assert free_of(write(1), sequence) == [sequence[1], sequence[4]]
