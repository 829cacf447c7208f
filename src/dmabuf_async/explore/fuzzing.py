"""Fuzzing: many executions of one program with a sampling strategy, and what they are worth."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Watch
from dmabuf_async.explore.execution import Job, Jobs, is_interrupt
from dmabuf_async.explore.lock_cycles import LockCycles
from dmabuf_async.explore.verdict import Failure, Verdict
from dmabuf_async.scenario.program import Program
from dmabuf_async.trace.events import Signature
from dmabuf_async.trace.schedule import encode

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.audit import Audit
    from dmabuf_async.strategies.base import Strategy

COLLECT_EVERY = 500
"""Executions between two collections of garbage: one for each would cost most of the time."""

SHOW_EVERY = 0.1
"""Seconds between two looks at the progress."""


@dataclass(slots=True)
class Progress:
    """How far a campaign is; the same object all along, for whoever shows it."""

    executions: int = 0
    steps: int = 0
    cut: int = 0
    failures: dict[Signature, Failure] = field(default_factory=dict)
    counts: Counter[Signature] = field(default_factory=Counter)
    reached: set[tuple[str, str]] = field(default_factory=set)
    locks: LockCycles = field(default_factory=LockCycles)


def fuzz(
    program: Program,
    strategy: Strategy,
    *,
    executions: int,
    seconds: float = float("inf"),
    max_steps: int = MAX_STEPS,
    checkers: Iterable[Checker] = CHECKERS,
    audit: Audit | None = None,
    show: Callable[[Progress], None] = lambda _: None,
) -> Jobs[Verdict]:
    """The jobs of a campaign: at most so many executions, and at most so many seconds.

    It goes on past expected findings, as there may be others. ``show`` is called
    now and then, and may raise KeyboardInterrupt. An interrupt ends it with the verdict so far.
    """
    machines = program.machines()
    checkers = tuple(checkers)
    progress = Progress()
    began = time.monotonic()
    due = began + SHOW_EVERY
    interrupted = False
    with quiet_collector() as collect:
        try:
            while progress.executions < executions:
                machine = machines()
                watch = Watch(machine, checkers, audit=audit)
                core = yield Job(machine, strategy, watch, max_steps, progress.executions)
                if core is None:
                    break
                _note(progress, program, watch, core)
                now = time.monotonic()
                if now >= due:
                    show(progress)
                    due = now + SHOW_EVERY
                if now - began >= seconds:
                    break
                if progress.executions % COLLECT_EVERY == 0:
                    collect()
            show(progress)
        except BaseException as error:
            if not is_interrupt(error, program):
                raise
            interrupted = True
    return judge(program, strategy, progress, time.monotonic() - began, interrupted=interrupted)


def _note(progress: Progress, program: Program, watch: Watch, core: Core) -> None:
    progress.executions += 1
    progress.steps += core.steps
    progress.cut += core.stopped == "cut"
    progress.reached |= watch.reached
    seen = {finding.signature: finding for finding in watch.findings if finding.primary}
    for signature, finding in seen.items():
        progress.counts[signature] += 1
        if signature not in progress.failures:
            expected = finding.code in program.findings
            schedule = encode(program.digest, core.choices)
            progress.failures[signature] = Failure(finding, schedule, progress.executions, expected)
    edges = watch.lock_edges()
    if edges:
        progress.locks.note(edges, progress.executions, lambda: encode(program.digest, core.choices))


def judge(
    program: Program,
    strategy: Strategy,
    progress: Progress,
    seconds: float,
    *,
    interrupted: bool = False,
) -> Verdict:
    """What a campaign may claim, and the exit code that goes with it (DESIGN 10)."""
    circles = tuple(progress.locks.failures("lock-order" in program.findings))
    failures = (*progress.failures.values(), *(failure for failure, _ in circles))
    counts = dict(progress.counts) | {failure.finding.signature: count for failure, count in circles}
    found = any(failure.expected for failure in failures)
    missing = () if found or interrupted else program.findings
    unseen = tuple(witness for witness in program.sometimes if not witnessed(witness, progress.reached))
    unexpected = any(not failure.expected for failure in failures)
    name = getattr(strategy, "name", type(strategy).__name__)
    if interrupted:
        strength, code = "unfinished", 130
    elif unexpected or missing:
        strength, code = "refuted" if unexpected else f"sampled {progress.executions:,} ({name})", 1
    else:
        strength, code = f"sampled {progress.executions:,} ({name})", 5 if unseen else 0
    return Verdict(
        scenario=program.name,
        strength=strength,
        executions=progress.executions,
        steps=progress.steps,
        seconds=seconds,
        cut=progress.cut,
        failures=failures,
        counts=counts,
        missing=missing,
        unseen=() if interrupted else unseen,
        interrupted=interrupted,
        exit_code=code,
    )


def witnessed(witness: str, reached: Iterable[tuple[str, str]]) -> bool:
    """Whether ``TASK reaches STEP`` was seen; STEP is a number or a verb."""
    task, _, step = witness.partition(" reaches ")
    return any(actor == task and step in site.split() for actor, site in reached)


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
