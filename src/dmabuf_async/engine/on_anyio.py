"""The engines on event loops: every actor is a real task in one task group, on asyncio or trio.

The same core decides who goes next. A host task drives its actor's coroutine
with send and throw when it is handed the baton; it then lets the core decide, and
hands the baton on. The loop's own cancellation only tears down.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from dmabuf_async.engine.core import MAX_STEPS, Core
from dmabuf_async.errors import RunOver

if TYPE_CHECKING:
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
    """
    core = Core(machine, strategy, watch=watch, max_steps=max_steps, hosted=True)
    try:
        if not core.begin(index):
            return None
        await _Stage(core, pause).play()
        if watch is not None:
            watch.over(core)
    finally:
        with hidden_loop():
            for actor in core.wind_down():
                core.throw(actor, RunOver())
    return core


class _Stage:
    """The hosts of one execution, and the baton that one of them holds at a time."""

    def __init__(self, core: Core, pause: Callable[[], Awaitable[None]] | None) -> None:
        self.core = core
        self.pause = pause
        self.turns: dict[Actor, anyio.Event] = {}
        self.done = anyio.Event()
        self.error: BaseException | None = None

    async def play(self) -> None:
        async with anyio.create_task_group() as group:
            self.group = group
            self.hand_on(self.core.advance())
            await self.done.wait()
            group.cancel_scope.cancel()  # hosts whose actors are still suspended
        if self.error is not None:
            raise self.error

    def hand_on(self, actor: Actor | None) -> None:
        """Give the baton to the host of ``actor``, which may have to be born."""
        if actor is None:
            self.done.set()
        elif actor in self.turns:
            self.turns[actor].set()
        else:
            self.turns[actor] = anyio.Event()
            self.turns[actor].set()
            self.group.start_soon(self.host, actor, name=actor.name)

    async def host(self, actor: Actor) -> None:
        core, turns = self.core, self.turns
        in_a_row = 0
        while True:
            await turns[actor].wait()
            try:
                with hidden_loop():
                    core.resume(actor)
                if self.pause is not None:
                    await self.pause()
                following = core.advance()
            except BaseException as error:
                self.error = error
                self.done.set()
                if isinstance(error, Exception | KeyboardInterrupt):
                    return
                raise
            if following is actor and in_a_row < BREATH:
                in_a_row += 1
                continue
            in_a_row = 0
            turns[actor] = anyio.Event()
            self.hand_on(following)
            if actor.ended or following is None:
                return


@contextmanager
def hidden_loop() -> Iterator[None]:
    """Make code believe that no loop is running, as in the inline engine.

    An actor that awaits something foreign then fails in the same way on every
    engine, and leaves no timer or callback behind in the loop.
    """
    asyncio = sys.modules.get("asyncio")
    loop = None if asyncio is None else asyncio._get_running_loop()
    if asyncio is not None and loop is not None:
        asyncio._set_running_loop(None)
        try:
            yield
        finally:
            asyncio._set_running_loop(loop)
        return
    trio_run = sys.modules.get("trio._core._run")
    context = None if trio_run is None else trio_run.GLOBAL_RUN_CONTEXT.__dict__
    if not context:
        yield
        return
    import sniffio

    kept, library = dict(context), sniffio.thread_local.name
    context.clear()
    sniffio.thread_local.name = None
    try:
        yield
    finally:
        context.update(kept)
        sniffio.thread_local.name = library
