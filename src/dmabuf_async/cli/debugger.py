"""``replay --pdb STEP``: Python's debugger, inside the coroutine of the task that makes a step."""

from __future__ import annotations

import pdb  # noqa: T100 - it is what the option asks for
import sys
from collections.abc import Callable, Iterator
from types import CoroutineType, FrameType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine


class Debugger(pdb.Pdb):
    """Stops once: when a step has been made and before its task goes on, at the ``await`` that it made it by.

    From there it is pdb as ever: ``up`` leads to who awaits, ``next`` on to what the task does when others let it.
    ``quit`` ends the execution as an interrupt does.
    """

    def __init__(self, step: int) -> None:
        super().__init__(nosigint=True)
        self.prompt = "(pdb) "
        self._step = step
        self._quits = False
        self.made = False

    def see(self, _: Machine, watch: Watch) -> Callable[[], None]:
        """What an execution calls before it begins; and what after each step."""

        def stepped() -> None:
            if self._quits:
                raise KeyboardInterrupt
            if watch.step == self._step:
                assert watch.steps is not None
                step = watch.steps[-1]
                self._arm(step.actor, step.op.describe())

        return stepped

    def _arm(self, actor: Actor, did: str) -> None:
        frames = [] if actor.coroutine is None else list(_awaiting(actor.coroutine))
        if not frames:
            raise click.UsageError(
                f"--pdb: step {self._step} is made by {actor.name}, which is no task and has no code to stop in: name "
                "a step of a task"
            )
        self.made = True
        self.message(f"step {self._step}: {actor.name} has made `{did}`, and goes on from here")
        self.reset()
        self.botframe = frames[0]
        for frame in frames:
            frame.f_trace = self.trace_dispatch
        self.set_next(frames[-1])
        sys.settrace(self.trace_dispatch)

    def user_call(self, frame: FrameType, argument_list: None) -> None:
        """The task is resumed: to be told so, as of a call, says nothing."""
        if self.stop_here(frame):
            self.interaction(frame, None)

    def user_exception(self, frame: FrameType, exc_info: Any) -> None:
        """A StopIteration is how a coroutine returns: nothing went wrong."""
        if exc_info[0] is not StopIteration:
            super().user_exception(frame, exc_info)

    def leave(self) -> None:
        """The execution is over: others are none of its business."""
        self.clear_all_breaks()
        sys.settrace(None)

    def do_quit(self, arg: str) -> bool | None:
        self._quits = True
        self.clear_all_breaks()
        self.set_continue()
        return True

    do_q = do_exit = do_EOF = do_quit  # noqa: N815 - as pdb calls them


def _awaiting(coroutine: Any) -> Iterator[FrameType]:
    """The frames of a suspended coroutine, from the task's own function to the one that awaits the op."""
    while isinstance(coroutine, CoroutineType) and (frame := coroutine.cr_frame) is not None:
        yield frame
        coroutine = coroutine.cr_await
