"""Whether an event loop is running here, and hiding it from actors.

An actor that awaits something foreign fails in the same way on every engine, and
leaves no timer or callback behind, only if it cannot see the loop that hosts it. No loop has a
public way to step aside for a moment, so each is hidden where it says that it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


class RunningLoop:
    """The loop of asyncio or trio that runs in this thread, if one does; it imports neither.

    It is made once for an execution, which stays in one thread.
    """

    __slots__ = ("_context", "_library", "_loop", "_names", "_set_loop", "_sniffio", "_token")

    def __init__(self) -> None:
        modules = sys.modules
        asyncio = modules.get("asyncio")
        self._set_loop: Any = None if asyncio is None else asyncio._set_running_loop
        self._loop: Any = None if asyncio is None else asyncio._get_running_loop()
        trio = modules.get("trio._core._run_context")  # nothing public leads there
        self._context: dict[str, Any] = {} if trio is None else trio.GLOBAL_RUN_CONTEXT.__dict__
        self._names: dict[str, Any] = {}
        self._sniffio: Any = modules.get("sniffio")  # by which anyio knows what is running
        self._library: str | None = None
        self._token: Any = None

    @property
    def found(self) -> bool:
        """Whether a loop is running."""
        return self._loop is not None or self.is_trio

    @property
    def is_trio(self) -> bool:
        """Whether it is trio's, maybe as a guest of another."""
        return "task" in self._context

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call ``function``, to which no loop seems to run; what it returns."""
        try:
            self._hide()
            return function(*arguments)
        finally:
            self._show()

    def _hide(self) -> None:
        if self._loop is not None:
            self._set_loop(None)
        if self._context:
            self._names = self._context.copy()
            self._context.clear()
        sniffio = self._sniffio
        if sniffio is not None:
            self._library = sniffio.thread_local.name
            self._token = sniffio.current_async_library_cvar.set(None)
            sniffio.thread_local.name = None

    def _show(self) -> None:
        """Undo :meth:`_hide`, which an interrupt may have hit halfway."""
        if self._loop is not None:
            self._set_loop(self._loop)
        if self._names:
            self._context.update(self._names)
            self._names = {}
        if self._token is not None:
            self._sniffio.thread_local.name = self._library
            self._sniffio.current_async_library_cvar.reset(self._token)
            self._token = None
