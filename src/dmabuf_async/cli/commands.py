"""Commands to type next: complete as they stand, and quoted for a shell."""

from __future__ import annotations

import os
import shlex

from dmabuf_async.engine import MAX_STEPS


def replay(scenario: str, schedule: str, *, max_steps: int = MAX_STEPS) -> str:
    """The command line that shows an execution again."""
    limit = "" if max_steps == MAX_STEPS else f" --max-steps {max_steps}"
    return f"dmabuf-async replay{limit} {quoted(scenario)} {schedule}"


def quoted(word: str) -> str:
    """A file name as an argument in a shell, on one line whatever characters it has."""
    if word.startswith("-"):
        word = f"./{word}"
    if word.isprintable():
        return shlex.quote(word)
    told = (chr(byte) if 32 <= byte < 127 and byte not in b"\\'" else f"\\x{byte:02x}" for byte in os.fsencode(word))
    return f"$'{''.join(told)}'"
