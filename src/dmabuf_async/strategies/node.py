"""The node: a state on the path of a :class:`~dmabuf_async.strategies.dpor.Dpor`, and what is left to explore there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmabuf_async.strategies.wakeup_tree import Branch, Transition


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
