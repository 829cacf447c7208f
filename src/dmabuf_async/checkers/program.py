"""The program family: what an actor's own code says is wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.errors import ForeignAwait

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor


class UnhandledException(Checker):
    """A task ended by an exception: an assertion that does not hold, or another one."""

    __slots__ = ()
    codes = ("assertion", "unhandled-exception")

    def failed(self, actor: Actor, error: BaseException) -> Found | None:
        while isinstance(error, BaseExceptionGroup):  # children of a group: the first is told
            error = error.exceptions[0]
        said, at = _said(error), _place(error)
        if isinstance(error, ForeignAwait):
            return Found("unhandled-exception", "", f"{said}{at}", actor)
        told = f"{said and f': {said}'}{at}"
        if isinstance(error, AssertionError):
            return Found("assertion", "", f"an assertion of {actor.name} does not hold{told}", actor)
        return Found("unhandled-exception", "", f"{actor.name} ended with {type(error).__name__}{told}", actor)


def _place(error: BaseException) -> str:
    """Where it came from, in the file that the task is written in: `` (file.py:7)``; empty if that is none."""
    found, at = "", ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not found and not file.startswith(("<", _PACKAGE)):
            found = file
        if file == found:
            at = f" ({os.path.basename(file)}:{trace.tb_lineno})"  # noqa: PTH119 - a name, of any system
        trace = trace.tb_next
    return at


_PACKAGE: Final = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120 - as files of frames are told


def _said(error: BaseException) -> str:
    """Its text on one line; nothing if its class cannot say."""
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - it is somebody's class
        return ""
