"""The strategy itself, where whoever watches needs no say: see tests/explore/test_dpor.py for what it is worth."""

from __future__ import annotations

import pytest

from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.explore.frozen import frozen, thawed
from dmabuf_async.machine.machine import Machine
from dmabuf_async.strategies.base import ChoicePoint
from dmabuf_async.strategies.dpor import Dpor
from dmabuf_async.strategies.node import Node
from dmabuf_async.strategies.wakeup_tree import Branch, Transition
from tests.reduction import Reduced, reduced

pytestmark = pytest.mark.unaudited  # they are many


def writers(machine: Machine) -> None:
    cell = machine.cell("x")

    async def write(value: int) -> None:
        await cell.store(value)

    for number in range(3):
        machine.task(f"writer {number}", write, number)


def test_only_the_path_is_remembered() -> None:
    search = Reduced(writers)
    lengths = []
    while search._execute():
        lengths.append(len(search._tree.nodes))
    assert lengths == [2, 1, 2, 1, 2, 0]
    assert search._tree.nodes == []
    assert search._tree.finished
    assert search._tree.done == 1


def test_a_part_of_the_tree_is_done_in_the_middle() -> None:
    search = Reduced(writers)
    done = []
    while search._execute():
        done.append(search._tree.done)
    assert done == sorted(done)
    assert 0 < done[0] < done[-1] == 1


@pytest.mark.parametrize("optimal", [True, False])
def test_an_execution_that_was_interrupted_is_made_again(optimal: bool) -> None:
    class Interrupted(Dpor):
        asked = 0

        def choose(self, point: ChoicePoint) -> int:
            self.asked += 1
            if self.asked % 5 == 0:
                raise KeyboardInterrupt
            return super().choose(point)

    search = Reduced(writers, optimal=optimal)
    search._tree.__class__ = Interrupted
    interrupts = 0
    while True:
        try:
            if not search._execute():
                break
        except KeyboardInterrupt:
            interrupts += 1
    assert interrupts
    assert search.seen == reduced(writers).seen


def test_a_program_that_goes_another_way_is_named() -> None:
    times = 0

    def build(machine: Machine) -> None:
        nonlocal times
        times += 1
        cells = [machine.cell(name) for name in "xy"]

        async def write(number: int) -> None:
            await cells[number if times > 1 else 0].store(1)
            await cells[0].load()

        for number in range(2 if times == 1 else 1):
            machine.task(f"writer {number}", write, number)

    with pytest.raises(ReplayDiverged, match="does not do again"):
        reduced(build)


def test_depth_is_no_limit_to_what_can_be_kept() -> None:
    """Nodes share what lies below a branch; a chain of branches is as long as an execution."""
    tree = Dpor()
    branches: list[Branch] = []
    for number in range(20_000):
        branches = [Branch(Transition((number,), "", 0, 1, 1), branches)]
    for _ in range(3):
        node = Node([], branches)
        (node.branch,) = branches
        tree.nodes.append(node)
        branches = node.branch.below
    again = thawed(frozen(tree))
    left, depth = again.nodes[0].todo, 0
    while left:
        [branch], depth = left, depth + 1
        left = branch.below
    assert depth == 20_000
    assert again.nodes[2].todo is again.nodes[1].branch.below
    assert again.nodes[1].branch is again.nodes[0].todo[0].below[0]
