"""What tests of samplers share: many executions of one small program, and what came of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import sqrt
from typing import Any

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import inline
from dmabuf_async.engine.watch import Watch
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.strategies.base import Strategy
from dmabuf_async.strategies.sampler import Sampler
from tests.harness import Build, Ran, machine_for


def runs(
    build: Build, strategy: Strategy, count: int, *, sizes: Sizes | None = None, steps: int = 1000
) -> Iterator[Ran]:
    """So many executions that measure nothing, one after the other."""
    index = 0
    while count:
        machine, observer = machine_for(build, sizes)
        watch = Watch(machine, CHECKERS)
        core = inline.execute(machine, strategy, watch=watch, index=index, max_steps=steps)
        assert core is not None
        index += 1
        if not getattr(strategy, "measuring", False):
            yield Ran(core, machine, watch, None if observer is None else observer())
            count -= 1


def observed(build: Build, strategy: Strategy, count: int) -> Counter[Any]:
    """What the observer says, and how often."""
    return Counter(ran.observed for ran in runs(build, strategy, count))


def measures(strategy: Sampler) -> bool:
    """Whether the execution that is about to begin measures."""
    return strategy._executions + 1 == strategy._due


def about(hits: int, of: int, chance: float) -> bool:
    """Whether so many hits are what that chance gives, within four standard deviations: seeds are fixed."""
    return abs(hits - of * chance) <= 4 * sqrt(of * chance * (1 - chance))
