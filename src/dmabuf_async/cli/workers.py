"""Work in child processes, a few at a time; what they return comes in the order in which it was asked for.

A child is a fork: it has all that its parent has, and sends one object back. Ctrl-C doesn't reach it, as it has a
process group of its own: the parent passes an interrupt on, once, and waits for what the children know by then.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

LOOK_EVERY: Final = 0.1
"""Seconds between two looks at whether an interrupt has come."""


class Died(Exception):
    """A child ended without an answer; the message says how."""


@dataclass(slots=True)
class _Child:
    index: int
    pid: int
    sent: bytearray = field(default_factory=bytearray)


def in_order(
    count: int, jobs: int, work: Callable[[int], object], look: Callable[[], None]
) -> Generator[Any, None, None]:
    """``work(0)``, ``work(1)`` and so on, ``jobs`` of them at a time; a :class:`Died` in the place of a lost one.

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
                    child.sent += part
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


def _born(index: int, work: Callable[[int], object]) -> tuple[int, _Child]:
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
            pipe.write(pickle.dumps(work(index)))
        code = 0
    finally:
        os._exit(code)  # nothing of the parent is flushed, closed or unwound here


def _answer(child: _Child) -> object:
    """What a child sent, or how it ended."""
    _, status = os.waitpid(child.pid, 0)
    if status == 0:
        answer: object = pickle.loads(bytes(child.sent))  # noqa: S301 - from our own child
        return answer
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return Died(f"its process was killed by {name}{', perhaps for want of memory' * (name == 'SIGKILL')}")
    return Died(f"its process ended with the exit code {os.waitstatus_to_exitcode(status)} and no answer")


def _signal(children: dict[int, _Child], number: signal.Signals) -> None:
    for child in children.values():
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)
