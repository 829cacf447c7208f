"""The campaign of ``fuzz``: each scenario is sampled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.cli.campaign import Campaign
from dmabuf_async.explore.execution import perform
from dmabuf_async.explore.fuzzing import fuzz
from dmabuf_async.strategies.faults import Faults
from dmabuf_async.strategies.limited import Limited
from dmabuf_async.strategies.portfolio import Portfolio

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.cli.progress import Progress
    from dmabuf_async.explore.progress import Progress as Counts
    from dmabuf_async.explore.verdict import Verdict
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.base import Strategy

_NO_END: Final = 1 << 62


class Sampling(Campaign):
    """At most so many executions of each by a sampling strategy; None: as many as there is time for.

    ``faults``: at most so many in one execution, None: as many as a scenario declares.
    """

    SAMPLES = True

    def __init__(
        self,
        console: Console,
        executions: int | None,
        name: str,
        strategy: Callable[[], Strategy],
        *,
        seed: int = 0,
        faults: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(console, executions=executions, **options)
        self.sampler = name
        self._strategy = strategy  # makes a fresh one for each scenario
        self._seed = seed
        self._faults = faults

    def _fresh(self, program: Program) -> Strategy:
        """The strategy, and where it is a portfolio and something can fail, one more member that sees to that."""
        strategy, declared = self._strategy(), program.sizes.faults
        most = declared if self._faults is None else min(self._faults, declared)
        if most and isinstance(strategy, Portfolio):
            strategy = Portfolio([*strategy.members, Faults(self._seed, most)])
        return strategy if most == declared else Limited(strategy, most)

    def explored(self, program: Program, seconds: float, progress: Progress) -> Verdict:
        draw: Callable[[Counts], None] = progress.of(program.name, self.executions, seconds)

        def show(counts: Counts) -> None:
            draw(counts)
            self.look()

        jobs = fuzz(
            program,
            self._fresh(program),
            executions=self.executions or _NO_END,
            seconds=seconds,
            max_steps=self.max_steps,
            accepts=self.accepted.of(program.name),
            show=show,
        )
        return perform(jobs, self.engine)
