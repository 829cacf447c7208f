"""Work in child processes, a few at a time; what they return comes in the order in which it was asked for.

A child is a fork: it has all that its parent has, and sends one object back; on its way it may tell how far it is.
Ctrl-C doesn't reach it, as it has a process group of its own: the parent passes an interrupt on, once, and waits for
what the children know by then.
"""

from __future__ import annotations

import os
import pickle
import select
import selectors
import signal
import struct
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

LOOK_EVERY: Final = 0.1
"""Seconds between two looks at whether an interrupt has come."""


Tell: TypeAlias = Callable[[object], None]
"""Sends word to the parent, never waits for it, and is lost where there is no room for it."""

_HEAD: Final = struct.Struct("!?Q")
"""Before each message: whether it is the answer, and its length in bytes."""


class Died(Exception):
    """A child ended without an answer; the message says how."""


@dataclass(slots=True)
class _Child:
    index: int
    pid: int
    sent: bytearray = field(default_factory=bytearray)
    """What has come and is no message yet."""
    answer: bytes | None = None

    def heard(self, part: bytes) -> list[object]:
        """Take in what has come; what it tells, without the answer."""
        told: list[object] = []
        self.sent += part
        while len(self.sent) >= _HEAD.size:
            last, length = _HEAD.unpack_from(self.sent)
            end = _HEAD.size + length
            if len(self.sent) < end:
                break
            message = bytes(self.sent[_HEAD.size : end])
            del self.sent[:end]
            if last:
                self.answer = message
            else:
                told.append(pickle.loads(message))  # noqa: S301 - from our own child
        return told


def _unheard(_index: int, _told: object) -> None:
    """Nobody wants to know."""


def in_order(
    count: int,
    jobs: int,
    work: Callable[[int, Tell], object],
    look: Callable[[], None],
    heard: Callable[[int, Any], None] = _unheard,
) -> Generator[Any, None, None]:
    """``work(0, tell)``, ``work(1, tell)`` and so on, ``jobs`` at a time; a :class:`Died` in the place of a lost one.

    What one tells on its way is ``heard``, with its number: most of it, in order, and before its answer is yielded.

    ``look`` is called now and then, and may raise KeyboardInterrupt. Then no more is begun, what was begun is told to
    come to its end and still yielded, and KeyboardInterrupt is raised after that. Whoever stops listening ends all
    children.
    """
    children: dict[int, _Child] = {}
    done: dict[int, object] = {}
    begun = told = 0
    interrupted = False
    with selectors.DefaultSelector() as ready:
        try:
            while told < (begun if interrupted else count):
                while not interrupted and begun < count and len(children) < jobs:
                    pipe, child = _born(begun, work)
                    children[pipe] = child
                    ready.register(pipe, selectors.EVENT_READ)
                    begun += 1
                for key, _ in ready.select(LOOK_EVERY):
                    child = children[key.fd]
                    part = os.read(key.fd, 1 << 16)
                    for told_of in child.heard(part):
                        heard(child.index, told_of)
                    if not part:
                        ready.unregister(key.fd)
                        os.close(key.fd)
                        del children[key.fd]
                        done[child.index] = _answer(child)
                while told in done:
                    yield done.pop(told)
                    told += 1
                if not interrupted:
                    try:
                        look()
                    except KeyboardInterrupt:
                        interrupted = True
                        _signal(children, signal.SIGINT)
            if interrupted:
                raise KeyboardInterrupt
        finally:
            _signal(children, signal.SIGKILL)
            for pipe, child in children.items():
                os.close(pipe)
                os.waitpid(child.pid, 0)


def _born(index: int, work: Callable[[int, Tell], object]) -> tuple[int, _Child]:
    """A child that does its work, and the end of the pipe from which its answer is read."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writes)
        return reads, _Child(index, pid)
    code = 1
    try:
        os.setpgid(0, 0)
        os.close(reads)
        with os.fdopen(writes, "wb") as pipe:
            answer = pickle.dumps(work(index, _teller(writes)))
            pipe.write(_HEAD.pack(True, len(answer)))
            pipe.write(answer)
        code = 0
    finally:
        os._exit(code)  # nothing of the parent is flushed, closed or unwound here


def _teller(pipe: int) -> Tell:
    def tell(word: object) -> None:
        data = pickle.dumps(word)
        message = _HEAD.pack(False, len(data)) + data
        if len(message) <= select.PIPE_BUF:  # longer ones may be written in part
            try:
                os.set_blocking(pipe, False)
                with suppress(BlockingIOError, BrokenPipeError):
                    os.write(pipe, message)
            finally:
                os.set_blocking(pipe, True)

    return tell


def _answer(child: _Child) -> object:
    """What a child sent, or how it ended."""
    _, status = os.waitpid(child.pid, 0)
    if status == 0 and child.answer is not None:
        answer: object = pickle.loads(child.answer)  # noqa: S301 - from our own child
        return answer
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return Died(f"its process was killed by {name}{', perhaps for want of memory' * (name == 'SIGKILL')}")
    return Died(f"its process ended with the exit code {os.waitstatus_to_exitcode(status)} and no answer")


def _signal(children: dict[int, _Child], number: signal.Signals) -> None:
    for child in children.values():
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)
