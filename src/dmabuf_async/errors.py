"""The exception tree.

::

    BaseException
     +-- Unwind                 thrown into an actor by the core; never catch it for good
     |    +-- Cancelled         its group was cancelled: clean up and leave
     |    +-- Killed            its user process was killed: the exit path runs
     |    |    +-- Signalled    by a signal that a fault of its own raised: SIGBUS, SIGSEGV
     |    +-- RunOver           the run has ended: ops awaited now are not performed
     +-- Exception
          +-- KernelError       what a kernel function returns as -ENOMEM, -EINVAL ...
          +-- DmabufAsyncError  every mistake in using this package
               +-- ScenarioError     a scenario that cannot be used
               +-- ScheduleError     a text that is not a schedule
               +-- ReplayDiverged    a schedule that does not fit the scenario
               +-- ForeignAwait      an actor awaited something that is not an op
               +-- AuditError        an op, a checker or an actor broke its declaration
"""

from __future__ import annotations


class Unwind(BaseException):
    """Thrown by the core; derives from BaseException so that ``except Exception`` lets it pass."""


class Cancelled(Unwind):
    """The group of this actor was cancelled; the op that it stood before was not performed."""


class Killed(Unwind):
    """The user process of this actor was killed; raised on the way back to user mode."""


class Signalled(Killed):
    """A user process made an access that ends in a signal: ``signal`` is ``SIGBUS`` or ``SIGSEGV``."""

    def __init__(self, signal: str) -> None:
        super().__init__(signal)
        self.signal = signal


class RunOver(Unwind):
    """The run has ended; whatever is awaited from here on is not performed."""


class KernelError(Exception):
    """A call of the simulated kernel failed, as with a negative errno.

    ``errno`` is the symbolic name: ``ENOMEM``, ``EINVAL``, ``EINTR``, ``EBUSY``, ``ENOSPC``, ``EACCES``.
    """

    def __init__(self, errno: str) -> None:
        super().__init__(errno)
        self.errno = errno


class DmabufAsyncError(Exception):
    """Base of every mistake in using this package; the message is one paragraph."""


class ScenarioError(DmabufAsyncError):
    """A scenario that cannot be read, is not valid, or cannot be built."""


class ScheduleError(DmabufAsyncError):
    """A text that is not a whole schedule."""


class ReplayDiverged(DmabufAsyncError):
    """A schedule does not fit the scenario, or an execution was not deterministic."""


class ForeignAwait(DmabufAsyncError):
    """An actor awaited something that is not an op of this package."""

    def __init__(self, actor: str, thing: object) -> None:
        super().__init__(
            f"{actor} awaited {type(thing).__name__!r}, which is not an op: an actor may await only ops "
            "of the simulated machine (not asyncio, trio or anyio), or another interleaving could not be chosen"
        )


class AuditError(DmabufAsyncError):
    """Audit mode: an object outside the declared footprint was touched, or a settled value was not the whole."""
