"""Interrupts that wait for a good moment.

One that hits an event loop in its own work loses tasks, and one that hits a finaliser is swallowed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted() -> Iterator[Callable[[], None]]:
    """While this lasts, Ctrl-C and SIGTERM are noted. What is yielded raises KeyboardInterrupt if one was.

    The second one raises at once, for whoever waits for code that never ends. The
    loops of asyncio and trio leave SIGINT alone then.
    """
    count = 0

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt

    def check() -> None:
        if count:
            raise KeyboardInterrupt

    former = []
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as in what a shell runs in the background
                former.append((number, signal.signal(number, note)))  # noqa: PERF401 - an error must not lose the first
    except ValueError:  # not the main thread: interrupts come elsewhere
        pass
    try:
        yield check
    finally:
        for number, handler in former:
            signal.signal(number, handler)


@contextmanager
def terminated() -> Iterator[None]:
    """While this lasts, what would end the process at once ends it as SIGTERM does: a terminal has to be restored."""

    def end(_number: int, frame: FrameType | None) -> None:
        handler = signal.getsignal(signal.SIGTERM)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGTERM, frame)

    numbers = [
        number for number in (signal.SIGHUP, signal.SIGQUIT) if signal.getsignal(number) is signal.SIG_DFL
    ]  # not of what `nohup` runs
    try:
        for number in numbers:
            signal.signal(number, end)
    except ValueError:  # not the main thread: signals come elsewhere
        numbers = []
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
