"""Exit codes (DESIGN 10): what they are, which of several applies, and which an error means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dmabuf_async.errors import ReplayDiverged, ScenarioError, ScheduleError

AS_EXPECTED: Final = 0
"""What the scenario expects is what happened; of one execution (``run``, ``watch``, ``replay``), nothing else did."""
FOUND: Final = 1
"""An unexpected primary finding, or (``fuzz``, ``check``) none of the expected ones."""
USAGE: Final = 2
"""The command line is at fault, the places among it that it names to write to."""
INVALID: Final = 3
"""The scenario is not valid."""
DIVERGED: Final = 4
"""A replay did not fit, or an execution was not deterministic."""
VACUOUS: Final = 5
"""``check``, or a ``fuzz`` that spent its budget, never saw a witness of ``sometimes``."""
LIMIT: Final = 6
"""``check`` stopped before it proved what was asked."""
INTERNAL: Final = 70
"""A bug of this program."""
INTERRUPTED: Final = 130
"""By Ctrl-C, and by SIGTERM as well."""
HANGUP: Final = 141
"""Whoever read the output has gone: what a shell reports of a program that SIGPIPE ended. Nothing is said then."""

_FIRST_THAT_APPLIES: Final = (INTERNAL, INTERRUPTED, INVALID, DIVERGED, FOUND, LIMIT, VACUOUS)


def first_that_applies(codes: Iterable[int]) -> int:
    """The exit code of several files, from theirs."""
    seen = set(codes)
    return next((code for code in _FIRST_THAT_APPLIES if code in seen), AS_EXPECTED)


def of(error: Exception) -> int:
    """The exit code that an error means."""
    if isinstance(error, ScheduleError):
        return USAGE
    if isinstance(error, ScenarioError):
        return INVALID
    if isinstance(error, ReplayDiverged):
        return DIVERGED
    return INTERNAL
