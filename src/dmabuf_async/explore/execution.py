"""One execution of a program, on any engine, and what is known of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from dmabuf_async.checkers.catalogue import CHECKERS
from dmabuf_async.engine import MAX_STEPS, inline
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.watch import Watch
from dmabuf_async.errors import ScenarioError
from dmabuf_async.strategies.sampler import Sampler
from dmabuf_async.trace.schedule import encode

if TYPE_CHECKING:
    from dmabuf_async.checkers.base import Checker
    from dmabuf_async.engine.audit import Audit
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.scenario.program import Program
    from dmabuf_async.strategies.base import Strategy
    from dmabuf_async.trace.events import Finding, LockEdge, Trace

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Job:
    """One execution that somebody asks an engine to perform."""

    machine: Machine
    strategy: Strategy
    watch: Watch | None
    max_steps: int
    index: int = 0


Jobs: TypeAlias = Generator[Job, Core | None, Result]
"""A process that asks for executions one after another: it does not know on which engine they are made."""


def perform(jobs: Jobs[Result], engine: str = "inline", pace: Callable[[], Iterable[float]] | None = None) -> Result:
    """Perform the jobs on an engine: ``inline``, ``asyncio`` or ``trio``.

    ``pace`` is called after each step, when whoever made it stands before the next op,
    and says how many seconds to wait, one wait after the other: it may look at the keyboard before it tells the
    next one. What an execution raises, an interrupt among it, is thrown into the jobs, which then end.
    """
    if engine != "inline":
        from dmabuf_async.engine import on_anyio

        return cast("Result", on_anyio.run(engine, perform_async, jobs, pace))

    def pause() -> None:
        for seconds in () if pace is None else pace():
            time.sleep(seconds)

    core: Core | None = None
    while True:
        try:
            job = jobs.send(core)
        except StopIteration as stop:
            return cast("Result", stop.value)
        try:
            core = inline.execute(
                job.machine,
                job.strategy,
                watch=job.watch,
                max_steps=job.max_steps,
                index=job.index,
                pause=None if pace is None else pause,
            )
        except BaseException as error:  # noqa: BLE001 - it is for the jobs to say what it means
            return _told(jobs, error)


async def perform_async(jobs: Jobs[Result], pace: Callable[[], Iterable[float]] | None = None) -> Result:
    """Perform the jobs on the loop that is running: asyncio's or trio's."""
    import anyio

    from dmabuf_async.engine import on_anyio

    async def pause() -> None:
        for seconds in () if pace is None else pace():
            await anyio.sleep(seconds)
        await anyio.lowlevel.checkpoint()

    core: Core | None = None
    while True:
        try:
            job = jobs.send(core)
        except StopIteration as stop:
            return cast("Result", stop.value)
        try:
            core = await on_anyio.execute(
                job.machine,
                job.strategy,
                watch=job.watch,
                max_steps=job.max_steps,
                index=job.index,
                pause=None if pace is None else pause,
            )
        except BaseException as error:  # noqa: BLE001 - it is for the jobs to say what it means
            return _told(jobs, error)


def _told(jobs: Jobs[Result], error: BaseException) -> Result:
    try:
        jobs.throw(error)
    except StopIteration as stop:
        return cast("Result", stop.value)
    raise RuntimeError("jobs must end when an execution raises")


def is_interrupt(error: BaseException, program: Program) -> bool:
    """Whether it was somebody from outside who ended the execution: Ctrl-C, or a cancelled loop.

    Raises ScenarioError if it was a task, by SystemExit: no simulated task may end the program that simulates it; and
    with the name of the program, if that is what is wrong and does not say where.
    """
    if isinstance(error, ScenarioError) and not str(error).startswith(program.name.rpartition(":")[0] or program.name):
        raise ScenarioError(f"{program.name}: {error}") from error
    if isinstance(error, SystemExit):
        raise ScenarioError(
            f"{program.name}: a task raises SystemExit({error.code!r}), which would end this program: let the task "
            "return, or raise an exception"
        ) from error
    return not isinstance(error, Exception | GeneratorExit)


def measured(program: Program, strategy: Strategy, max_steps: int = MAX_STEPS) -> Jobs[None]:
    """The job of the execution in which a sampler measures the program, if it does, so that the next one is its own."""
    if isinstance(strategy, Sampler) and strategy.measures:
        machine = program.machines()()
        try:
            yield Job(machine, strategy, Watch(machine), max_steps)
        except SystemExit as error:
            is_interrupt(error, program)


@dataclass(frozen=True, slots=True)
class Execution:
    """What one execution showed."""

    trace: Trace
    findings: tuple[Finding, ...]
    choices: tuple[int, ...]
    schedule: str
    """``dba1:...``"""
    steps: int
    stopped: str
    """Why it ended: ``ended``, ``deadlock``, ``cut``, ``stopped``."""
    reached: frozenset[tuple[str, str]]
    """(actor, site) at which somebody settled: what witnesses are read from."""
    lock_edges: tuple[LockEdge, ...]
    """Which locks were taken while others were held."""
    stubborn: tuple[str, ...]
    """Actors that did not end when the run was over."""

    @property
    def primary(self) -> tuple[Finding, ...]:
        """The findings that are judged."""
        return tuple(finding for finding in self.findings if finding.primary)


def execution(
    program: Program,
    strategy: Strategy,
    *,
    max_steps: int = MAX_STEPS,
    checkers: Iterable[Checker] = CHECKERS,
    footprints: bool = True,
    audit: Audit | None = None,
    see: Callable[[Machine, Watch], Callable[[], None]] | None = None,
) -> Jobs[Execution | None]:
    """The jobs of one execution with its full trace; None if the strategy has nothing left.

    ``see`` is given the machine and the watch before it begins, and returns what is
    called after each step.
    """
    machine = program.machines()()
    watch = Watch(machine, checkers, trace=True, footprints=footprints, audit=audit)
    if see is not None:
        watch.on_step = see(machine, watch)
    core = yield Job(machine, strategy, watch, max_steps)
    if core is None:
        return None
    return Execution(
        trace=watch.trace(core),
        findings=tuple(watch.findings),
        choices=tuple(core.choices),
        schedule=encode(program.digest, core.choices),
        steps=core.steps,
        stopped=core.stopped,
        reached=frozenset(watch.reached),
        lock_edges=watch.lock_edges(),
        stubborn=tuple(core.stubborn),
    )


def execute(program: Program, strategy: Strategy, engine: str = "inline", **options: Any) -> Execution | None:
    """Execute ``program`` once; options as of :func:`execution`."""
    return perform(execution(program, strategy, **options), engine)
