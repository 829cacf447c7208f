"""Checking: an exhaustive search to its end, or to a limit, and what is proved then (DESIGN 7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import TYPE_CHECKING

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.explore.accepted import nothing
from dmabuf_async.explore.execution import is_interrupt, perform
from dmabuf_async.explore.fuzzing import quiet_collector
from dmabuf_async.explore.guarding import guarded
from dmabuf_async.explore.judging import evidence
from dmabuf_async.explore.searches import searching
from dmabuf_async.explore.verdict import Verdict
from dmabuf_async.scenario.program import Program
from dmabuf_async.scenario.python import from_function

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.explore.accepted import Accepts
    from dmabuf_async.explore.search import Search
    from dmabuf_async.machine.machine import Machine

COLLECT_EVERY = 20
"""Slices of a search between two collections of garbage."""


def check(
    subject: Program | Callable[[Machine], object],
    search: str = "auto",
    *,
    preemptions: int | None = None,
    faults: int | None = None,
    seconds: float = float("inf"),
    first: bool = False,
    max_steps: int = MAX_STEPS,
    checkers: Iterable[Checker] = CHECKERS,
) -> Verdict:
    """Explore every execution of a program, or all within bounds, and say what is proved.

    ``subject`` is a function that furnishes a machine (cells, locks, tasks), or a Program. ``search`` is one of
    :data:`~dmabuf_async.explore.searches.KINDS`. ``preemptions`` and ``faults`` bound what an execution may have of
    them: see :class:`~dmabuf_async.explore.bounded.Bounded`. It ends after so many ``seconds``, or at the ``first``
    finding.
    """
    program = subject if isinstance(subject, Program) else from_function(subject)
    made = searching(program, search, preemptions=preemptions, faults=faults, max_steps=max_steps, checkers=checkers)
    return checking(program, made, seconds=seconds, first=first, max_steps=max_steps)


def checking(
    program: Program,
    search: Search,
    *,
    seconds: float = float("inf"),
    first: bool = False,
    max_steps: int = MAX_STEPS,
    accepts: Accepts = nothing,
    show: Callable[[Search], None] = lambda _: None,
    keep: Callable[[Search], None] = lambda _: None,
) -> Verdict:
    """Go on with a search until nothing is left, and judge.

    It goes on past findings, for it must prove that there is no other, unless ``first`` ends it at one. It also ends
    after so many ``seconds``, and at an interrupt. ``show`` is called now and then while something is left, and may
    raise KeyboardInterrupt; ``keep`` is called once at the end if something is left. Findings that are known are those
    that ``accepts`` says yes to. Nothing is proved of a program that depends on more than the answers: one that is
    caught at it, in its calm execution of at most ``max_steps`` or by :meth:`Search.confirm`, raises ReplayDiverged.
    """
    began = time.monotonic()
    bound = ""
    interrupted = False
    slices = 0
    with quiet_collector() as collect, closing(search):
        try:
            perform(guarded(program, (), max_steps))
            while search.advance():
                search.confirm()
                show(search)
                if first and search.progress.failures:
                    bound = "stopped at the first finding"
                    break
                if time.monotonic() - began >= seconds:
                    bound = f"stopped after {seconds:,.1f} s" if seconds >= 1 else f"stopped after {seconds:.3g} s"
                    break
                slices += 1
                if slices % COLLECT_EVERY == 0:
                    collect()
            search.confirm()
        except BaseException as error:
            if not is_interrupt(error, program):
                raise
            interrupted, bound = True, "interrupted"
        if bound:
            keep(search)
    return judge(program, search, time.monotonic() - began, bound=bound, accepts=accepts, interrupted=interrupted)


def judge(
    program: Program,
    search: Search,
    seconds: float,
    *,
    bound: str = "",
    accepts: Accepts = nothing,
    interrupted: bool = False,
) -> Verdict:
    """What a search may claim, and the exit code that goes with it (DESIGN 10).

    ``bound`` says where it was stopped while something was left. Executions that were cut are left, too.
    """
    progress = search.progress
    seen = evidence(program, progress, accepts)
    if not bound and progress.cut:
        bound = f"cut short {progress.cut:,} time{'s' * (progress.cut != 1)}, at the limit of steps or of room"
    if not bound and not search.strength.startswith("exhaustive"):
        bound = search.strength
    asked = {*program.findings, *(("eventually-violated",) if program.eventually else ())}
    undecided = [code for code in search.uncovered if code in asked]
    if not bound and undecided:
        bound = f"{' and '.join(undecided)} not decided by this search"
    if interrupted:
        strength, code = "unfinished", 130
    elif seen.unexpected:
        strength, code = "refuted", 1
    elif bound:
        strength, code = "unfinished", 6
    else:
        strength, code = search.strength, 1 if seen.missing else 5 if seen.unseen else 0
    return Verdict(
        scenario=program.name,
        strength=strength,
        executions=progress.executions,
        steps=progress.steps,
        seconds=seconds,
        cut=progress.cut,
        failures=seen.failures,
        counts=seen.counts,
        missing=() if bound else seen.missing,
        unseen=() if bound else seen.unseen,
        witnesses={one: max(progress.witnesses[one], int(one not in seen.unseen)) for one in program.sometimes},
        extent=search.extent,
        bound=bound,
        left=search.left if bound else "",
        uncovered=search.uncovered,
        interrupted=interrupted,
        exit_code=code,
    )
