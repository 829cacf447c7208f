"""A portfolio: several strategies take turns, as none finds every bug soon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dmabuf_async.strategies.base import let_attend

if TYPE_CHECKING:
    from dmabuf_async.strategies.base import ChoicePoint, Run, RunInfo, Strategy


class Portfolio:
    """Every member drives one execution, then the next does; who is named twice has twice the share."""

    name = "portfolio"

    def __init__(self, members: Sequence[Strategy]) -> None:
        self.members = members
        self.member = members[0]
        """Who drives the current execution."""
        self._next = 0

    @property
    def playing(self) -> str:
        """The name of the member that drives the current execution."""
        name: str = getattr(self.member, "name", type(self.member).__name__)
        return name

    def start(self, run: RunInfo) -> bool:
        self.member = self.members[self._next]
        self._next = (self._next + 1) % len(self.members)
        return self.member.start(run)

    def attend(self, run: Run) -> None:
        let_attend(self.member, run)

    def choose(self, point: ChoicePoint) -> int:
        return self.member.choose(point)
