"""The program family: what an actor's own code says is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        said = _said(error)
        if isinstance(error, AssertionError):
            return Found("assertion", "", f"an assertion of {actor.name} does not hold{said and f': {said}'}", actor)
        if isinstance(error, ForeignAwait):
            return Found("unhandled-exception", "", said, actor)
        kind = type(error).__name__
        return Found("unhandled-exception", "", f"{actor.name} ended with {kind}{said and f': {said}'}", actor)


def _said(error: BaseException) -> str:
    """Its text on one line; nothing if its class cannot say."""
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - it is somebody's class
        return ""
