"""What findings cost at the least, by brute force: what shrinking is proved against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Step, Watch
from dmabuf_async.explore.cost import Cost
from dmabuf_async.ops import CALM
from dmabuf_async.scenario.program import Program
from dmabuf_async.trace.events import Finding, Signature
from tests.effort import seeds
from tests.generated import program
from tests.harness import Every

SEEDS = seeds(300, 40)


def cost_of(steps: list[Step]) -> Cost:
    """What these steps cost, counted as reports count."""
    on_cpus = [step.actor for step in steps if step.actor.cpu is not None]
    return Cost(
        sum(step.outcome != CALM or (step.actor.cpu is None and step.actor.name != "clock") for step in steps),
        sum(step.preempted is not None for step in steps),
        sum(one is not other for one, other in pairwise(on_cpus)),
        len(steps),
    )


def cheapest(made: Program, limit: int) -> dict[Signature, Cost] | None:
    """By brute force, the least that each primary finding costs; None if there are more executions than that."""
    fresh, every = made.machines(), Every()
    found: dict[Signature, Cost] = {}
    for number in range(limit):
        machine = fresh()
        machine.tabled = False
        watch = Watch(machine, CHECKERS, trace=True)
        core = Core(machine, every, watch=watch, max_steps=1_000)
        try:
            if not core.begin(number):
                return found
            core.advance()
            on_the_way = len(watch.findings)
            watch.over(core)
            assert watch.steps is not None
            for at, finding in enumerate(watch.findings):
                if finding.primary:
                    cost = cost_of(watch.steps[: finding.step] if at < on_the_way else watch.steps)
                    found[finding.signature] = min(cost, found.get(finding.signature, cost))
        finally:
            core.wind_down(lambda call, *arguments: call(*arguments))
    return None


@cache
def small_programs() -> Sequence[tuple[Program, dict[Signature, Cost]]]:
    """Those in which something is found, and the least that it costs; of every other one no machine is used twice."""
    programs = (replace(program(seed, size=100), reusable=seed % 2 == 0) for seed in SEEDS)
    references = ((made, cheapest(made, 600)) for made in programs)
    return [(made, reference) for made, reference in references if reference]


def is_it(signature: Signature) -> Callable[[Finding], bool]:
    """Whether a finding is of that signature."""
    return lambda finding: finding.signature == signature
