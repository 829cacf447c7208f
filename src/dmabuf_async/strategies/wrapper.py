"""A strategy around another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.strategies.base import let_attend

if TYPE_CHECKING:
    from dmabuf_async.strategies.base import ChoicePoint, Run, RunInfo, Strategy


class Wrapper:
    """Answers as ``inner`` does, and is asked for each choice: none is drawn or picked without it."""

    def __init__(self, inner: Strategy) -> None:
        self.inner = inner

    def start(self, run: RunInfo) -> bool:
        return self.inner.start(run)

    def attend(self, run: Run) -> None:
        """The actors exist."""
        if let_attend(self.inner, run):
            run.roll = run.pick = None

    def choose(self, point: ChoicePoint) -> int:
        return self.inner.choose(point)
