"""The node: a state on the path of a :class:`~dmabuf_async.strategies.dpor.Dpor`, and what is left to explore there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dmabuf_async.strategies.sleep import redundant
from dmabuf_async.strategies.wakeup_tree import Branch, extract, free_of, insert, same

if TYPE_CHECKING:
    from dmabuf_async.strategies.wakeup_tree import Transition


class Node:
    """A state on the present path, and the step that is made there."""

    __slots__ = ("asked", "asleep", "branch", "sleep", "step", "todo")

    def __init__(self, sleep: list[Transition], todo: list[Branch], asked: int = 0) -> None:
        self.sleep = sleep
        """What need not be explored from here: elsewhere it was, or is being. The sleep set, in its order."""
        self.asleep = len(sleep)
        """So many of these were asleep when it was reached; the others have been explored from here."""
        self.todo = todo
        """The wakeup tree, without what is being explored."""
        self.branch: Branch | None = None
        """What is being explored."""
        self.step: Transition | None = None
        """The step, once it has been made."""
        self.asked = asked
        """So many questions of the core had been answered when it was reached."""

    def put_first(self, faults: Iterable[Transition]) -> list[Branch]:
        """A branch for each of these faults, with all of the wakeup tree below it that it can begin."""
        first: list[Branch] = []
        calm: list[list[Transition]] = []
        for fault in faults:
            branch = next((branch for branch in self.todo if same(branch.step, fault)), None)
            if branch is None:
                branch = Branch(fault, [])
            else:
                self.todo.remove(branch)
            for sequence in extract(self.todo, fault):
                insert(branch.below, sequence)
                calm.append(free_of(fault, sequence))
            first.append(branch)
        for sequence in calm:  # it leads somewhere without the fault, too
            if not redundant(self.sleep, sequence):
                insert(self.todo, sequence)
        return first
