"""Fuzzing: many executions of one program with a sampling strategy, and what they are worth."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dmabuf_async.checkers.catalogue import CHECKERS, PROGRESS
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.accepted import nothing
from dmabuf_async.explore.coverage import Coverage
from dmabuf_async.explore.execution import Job, Jobs, is_interrupt
from dmabuf_async.explore.guarding import guarded, is_due
from dmabuf_async.explore.judging import evidence
from dmabuf_async.explore.known import Known
from dmabuf_async.explore.progress import Progress
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.scenario.program import Program
from dmabuf_async.strategies.faults import sites_of

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.audit import Audit
    from dmabuf_async.explore.accepted import Accepts
    from dmabuf_async.strategies.base import Strategy

COLLECT_EVERY = 500
"""Executions that were really made between two collections of garbage: one for each would cost most of the time."""

LOOK_EVERY = 100
"""Executions that need not be made between two looks at the clock."""

SHOW_EVERY = 0.1
"""Seconds between two looks at the progress."""


def fuzz(  # noqa: PLR0913 - each is of its own kind
    program: Program,
    strategy: Strategy,
    *,
    executions: int,
    seconds: float = float("inf"),
    max_steps: int = MAX_STEPS,
    checkers: Iterable[Checker] = CHECKERS,
    audit: Audit | None = None,
    accepts: Accepts = nothing,
    show: Callable[[Progress], None] = lambda _: None,
) -> Jobs[Verdict]:
    """The jobs of a campaign: at most so many executions, and at most so many seconds.

    What it knows is not executed again, and counts as if it had been (see :class:`~dmabuf_async.explore.known.Known`).
    It goes on past expected findings, as there may be others. ``show`` is called
    now and then, and may raise KeyboardInterrupt. An interrupt ends it with the verdict so far. Findings that are known
    are those that ``accepts`` says yes to. Now and then an execution is made again; raises ReplayDiverged if it is then
    another one.
    """
    machines = program.machines()
    checkers = tuple(checkers)
    coverage = Coverage(strategy, judged=bool(checkers))
    progress = Progress(coverage=coverage)
    known = Known(strategy, max_steps)
    made = 0
    began = time.monotonic()
    due = began + SHOW_EVERY
    interrupted = False
    with quiet_collector() as collect:
        try:
            while progress.executions < executions:
                before = progress.executions
                looks = not coverage.ahead if known.walks else None
                most = coverage.ahead or 1 if known.walks else LOOK_EVERY
                unknown = known.walk(progress, min(LOOK_EVERY, most, executions - before))
                coverage.drawn += progress.executions - before
                if unknown:
                    machine = machines()
                    watch = coverage.watch(machine, checkers, looks=looks, audit=audit)
                    core = yield Job(machine, known.chooser(watch), watch, max_steps, progress.executions)
                    if core is None:
                        break
                    known.learn(core)
                    progress.note(program, watch, core, getattr(strategy, "playing", ""))
                    coverage.note(watch)
                    made += 1
                    if is_due(program, made):
                        yield from guarded(program, core.choices, max_steps)
                    if made % COLLECT_EVERY == 0:
                        collect()
                elif looks:
                    machine = machines()
                    watch = coverage.watch(machine, looks=True)
                    yield Job(machine, known.again(), watch, max_steps, before)
                    coverage.look(watch)
                now = time.monotonic()
                if now >= due:
                    show(progress)
                    due = now + SHOW_EVERY
                if now - began >= seconds:
                    break
            show(progress)
        except BaseException as error:
            if not is_interrupt(error, program):
                raise
            interrupted = True
    seconds = time.monotonic() - began
    return judge(program, strategy, progress, seconds, coverage=coverage, accepts=accepts, interrupted=interrupted)


def judge(
    program: Program,
    strategy: Strategy,
    progress: Progress,
    seconds: float,
    *,
    coverage: Coverage | None = None,
    accepts: Accepts = nothing,
    interrupted: bool = False,
) -> Verdict:
    """What a campaign may claim, and the exit code that goes with it (DESIGN 10)."""
    seen = evidence(program, progress, accepts)
    if set(program.findings) <= set(PROGRESS):
        seen = seen._replace(missing=())  # no execution shows these: they are proved, by check
    name = getattr(strategy, "name", type(strategy).__name__)
    if interrupted:
        strength, code = "unfinished", 130
    elif seen.unexpected or seen.missing:
        strength, code = "refuted" if seen.unexpected else f"sampled {progress.executions:,} ({name})", 1
    else:
        strength, code = f"sampled {progress.executions:,} ({name})", 5 if seen.unseen else 0
    return Verdict(
        scenario=program.name,
        strength=strength,
        executions=progress.executions,
        steps=progress.steps,
        seconds=seconds,
        cut=progress.cut,
        failures=seen.failures,
        counts=seen.counts,
        finders=progress.finders,
        missing=() if interrupted else seen.missing,
        unseen=() if interrupted else seen.unseen,
        sites=sites_of(strategy),
        sample=None if coverage is None else coverage.sample(found=seen.unexpected),
        interrupted=interrupted,
        exit_code=code,
    )


@contextmanager
def quiet_collector() -> Iterator[Callable[[], int]]:
    """Freeze what lives, and collect garbage only when the function given is called."""
    was = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield lambda: gc.collect(1)
    finally:
        gc.unfreeze()
        if was:
            gc.enable()
