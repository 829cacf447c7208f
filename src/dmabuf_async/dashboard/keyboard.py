"""Single keys of a terminal, and its Ctrl-Z; the terminal is as it was afterwards."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from contextlib import suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import Self

KEYS: Final = {
    " ": "pause", "p": "pause",
    "n": "on", "l": "on", "\r": "on", "\n": "on", "\x1b[C": "on", "\x1bOC": "on",
    "b": "back", "h": "back", "\x7f": "back", "\x08": "back", "\x1b[D": "back", "\x1bOD": "back",
    "+": "faster", "=": "faster", "\x1b[A": "faster", "\x1bOA": "faster",
    "-": "slower", "\x1b[B": "slower", "\x1bOB": "slower",
    "f": "finding",
    "q": "quit", "\x04": "quit",
}  # fmt: skip
"""What each key asks for: letters, and the arrows as terminals send them."""


def asked(typed: str) -> list[str]:
    """What a sequence of keys asks for; those that mean nothing are passed over."""
    found = []
    while typed:
        key = next((key for key in sorted(KEYS, key=len, reverse=True) if typed.startswith(key)), "")
        if key:
            found.append(KEYS[key])
        typed = typed[len(key) or _length(typed) :]
    return found


def _length(typed: str) -> int:
    """Of an unknown key: an escape sequence is one, up to its last letter."""
    if typed[:2] not in {"\x1b[", "\x1bO"}:
        return 1
    return next((at for at, c in enumerate(typed[2:], 3) if c.isalpha() or c == "~"), len(typed))


class Keyboard:
    """Reads keys of stdin as they are pressed, without an echo; Ctrl-C remains an interrupt.

    If stdin is no terminal, or another program has it, ``works`` is False and nothing is ever pressed.
    """

    def __init__(self) -> None:
        self._fd = -1
        self._former: list[Any] | None = None
        self._stops: Any = None
        self.works = False
        self.stopped = False
        """Ctrl-Z has been pressed, and nobody has stopped yet."""

    def __enter__(self) -> Self:
        try:
            self._fd = sys.stdin.fileno()
            self.works = os.isatty(self._fd) and os.tcgetpgrp(self._fd) == os.getpgrp()
        except (OSError, ValueError, AttributeError):  # closed, or no file at all
            return self
        if self.works:
            self._former = termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd, termios.TCSANOW)
            if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
                with suppress(ValueError):  # not the main thread
                    self._stops = signal.signal(signal.SIGTSTP, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._former is not None:
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(self._fd, termios.TCSANOW, self._former)
            self._former = None
        if self._stops is not None:
            signal.signal(signal.SIGTSTP, self._stops)
            self._stops = None

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped = True

    def pressed(self) -> list[str]:
        """What has been asked for since the last time; it does not wait."""
        typed = b""
        while self.works and select.select([self._fd], [], [], 0)[0]:
            try:
                data = os.read(self._fd, 1024)
            except OSError:
                data = b""
            self.works = bool(data)  # else the terminal has hung up
            typed += data
        return asked(typed.decode("latin-1"))

    def stop(self) -> None:
        """Stop the process as Ctrl-Z does; returns once it is continued."""
        self.stopped = False
        self.__exit__(None, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        self.__enter__()
