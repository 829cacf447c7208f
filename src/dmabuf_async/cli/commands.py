"""Commands to type next: complete as they stand, and quoted for a shell."""

from __future__ import annotations

import os
import shlex
from typing import Final

from dmabuf_async.engine import MAX_STEPS

MAX_STATES: Final = 2_000_000
"""The room of the graph, if a check names none."""

SEARCH: Final = "auto"
"""The search of a check that doesn't name one."""


def replay(scenario: str, schedule: str, *, max_steps: int = MAX_STEPS) -> str:
    """The command line that shows an execution again."""
    limit = "" if max_steps == MAX_STEPS else f" --max-steps {max_steps}"
    return f"dmabuf-async replay{limit} {quoted(scenario)} {schedule}"


def check(
    scenario: str,
    search: str,
    *,
    preemptions: int | None = None,
    faults: int | None = None,
    max_steps: int = MAX_STEPS,
    max_states: int = MAX_STATES,
    resume: str = "",
) -> str:
    """The command line that goes on with a check, or makes it again."""
    options = [
        "" if search == SEARCH else f"--search {search}",
        "" if preemptions is None else f"--preemptions {preemptions}",
        "" if faults is None else f"--faults {faults}",
        "" if max_steps == MAX_STEPS else f"--max-steps {max_steps}",
        "" if max_states == MAX_STATES else f"--max-states {max_states}",
        f"--resume {quoted(resume)}" if resume else "",
    ]
    return " ".join(filter(None, ("dmabuf-async check", *options, quoted(scenario))))


def quoted(word: str) -> str:
    """A file name as an argument in a shell, on one line whatever characters it has."""
    if word.startswith("-"):
        word = f"./{word}"
    if word.isprintable():
        return shlex.quote(word)
    told = (chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(told)}'"
