"""The engines on event loops: every actor is a real task in one task group, on asyncio or trio.

The same core decides who goes next. A host task drives its actor's coroutine
with send and throw when it is handed the baton; it then lets the core decide, and
hands the baton on. The loop's own cancellation only tears down.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import anyio

from dmabuf_async.engine import MAX_STEPS
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.running import RunningLoop

if TYPE_CHECKING:
    from asyncio import Future

    from trio.lowlevel import Task

    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.strategies.base import Strategy

Result = TypeVar("Result")
BREATH = 32
"""After so many steps of one actor in a row its host lets the loop look at signals."""


def run(engine: str, function: Callable[..., Coroutine[Any, Any, Result]], *arguments: Any) -> Result:
    """Run ``function`` on a fresh loop of ``asyncio`` or ``trio``, and leave nothing of it behind."""
    return anyio.run(function, *arguments, backend=engine)


async def execute(
    machine: Machine,
    strategy: Strategy,
    *,
    watch: Watch | None = None,
    max_steps: int = MAX_STEPS,
    index: int = 0,
    pause: Callable[[], Awaitable[None]] | None = None,
) -> Core | None:
    """Run the program on a fresh machine, hosted by the loop that this is awaited on.

    The same trace as :func:`dmabuf_async.engine.inline.execute` for the same
    program and answers. ``pause`` is awaited after each step, to pace it.
    If it is cancelled from outside, the run ends there, and every actor with it.
    """
    core = Core(machine, strategy, watch=watch, max_steps=max_steps, hosted=True)
    loop = RunningLoop()
    try:
        if not core.begin(index):
            return None
        await _Stage(core, loop, pause).play()
        if watch is not None:
            watch.over(core)
    finally:
        core.wind_down(loop.call)
    return core


class _Baton(Protocol):
    """Of all tasks of one execution, one goes on. Who has the key None watches over the others."""

    def wait(self, key: Actor | None) -> Awaitable[None]:
        """Wait until :meth:`give` is called for this key; at most one task does so for each."""
        ...

    def give(self, key: Actor | None) -> None:
        """Wake who waits, unless the loop has cancelled it."""

    def give_all(self) -> None:
        """Wake all that wait."""


class _AsyncioBaton:
    """A future a turn: the cheapest that asyncio has, about half of an Event."""

    def __init__(self) -> None:
        import asyncio

        self.create = asyncio.get_running_loop().create_future
        self.waiting: dict[Actor | None, Future[None]] = {}

    def wait(self, key: Actor | None) -> Future[None]:
        self.waiting[key] = future = self.create()
        return future

    def give(self, key: Actor | None) -> None:
        future = self.waiting.pop(key, None)
        if future is not None and not future.done():
            future.set_result(None)

    def give_all(self) -> None:
        for key in list(self.waiting):
            self.give(key)


class _TrioBaton:
    """What trio's own primitives are made of."""

    def __init__(self) -> None:
        from trio import lowlevel

        self.lowlevel = lowlevel
        self.waiting: dict[Actor | None, Task] = {}

    def wait(self, key: Actor | None) -> Awaitable[None]:
        def abort(_: object) -> Any:
            self.waiting.pop(key, None)
            return self.lowlevel.Abort.SUCCEEDED

        self.waiting[key] = self.lowlevel.current_task()
        return self.lowlevel.wait_task_rescheduled(abort)

    def give(self, key: Actor | None) -> None:
        task = self.waiting.pop(key, None)
        if task is not None:
            self.lowlevel.reschedule(task)

    def give_all(self) -> None:
        for key in list(self.waiting):
            self.give(key)


class _Stage:
    """The hosts of one execution, and the baton that one of them holds at a time."""

    def __init__(self, core: Core, loop: RunningLoop, pause: Callable[[], Awaitable[None]] | None) -> None:
        self.core = core
        self.loop = loop
        self.pause = pause
        self.baton: _Baton = _TrioBaton() if loop.is_trio else _AsyncioBaton()
        self.hosted: set[Actor] = set()
        self.error: BaseException | None = None
        self.over = False

    async def play(self) -> None:
        """Until the run is over."""
        first = self.core.advance()
        if first is None:
            return
        try:
            async with anyio.create_task_group() as self.group:
                self.hand_on(first)
                await self.baton.wait(None)
                self.over = True
                self.baton.give_all()  # hosts whose actors are still suspended
        except BaseExceptionGroup as errors:  # what hosts raise is in `error`; but an interrupt can hit anywhere
            interrupts = errors.subgroup((KeyboardInterrupt, SystemExit))
            if interrupts is None:
                raise
            raise _first(interrupts) from None
        if self.error is not None:
            raise self.error

    def hand_on(self, actor: Actor) -> None:
        """Give the baton to the host of ``actor``; one that is born has it."""
        if actor in self.hosted:
            self.baton.give(actor)
        else:
            self.hosted.add(actor)
            self.group.start_soon(self.host, actor, name=actor.name)

    async def host(self, actor: Actor) -> None:
        baton = self.baton
        while not self.over:
            following: Actor | None
            try:
                following = self.steps(actor) if self.pause is None else await self.paced(actor, self.pause)
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:  # noqa: BLE001 - it is for whoever awaits the execution
                self.error = error
                following = None
            if following is None:
                baton.give(None)
                return
            if following is actor:
                await anyio.lowlevel.checkpoint()
                continue
            self.hand_on(following)
            if actor.ended:
                return
            await baton.wait(actor)

    def steps(self, actor: Actor) -> Actor | None:
        """Resume ``actor`` until it is out of breath or somebody else is to go on, who is returned."""
        core, loop = self.core, self.loop
        following: Actor | None = None
        for _ in range(BREATH):
            loop.call(core.resume, actor)
            following = core.advance()
            if following is not actor:
                break
        return following

    async def paced(self, actor: Actor, pause: Callable[[], Awaitable[None]]) -> Actor | None:
        """The same, with a pause after each step."""
        self.loop.call(self.core.resume, actor)
        await pause()
        return self.core.advance()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
