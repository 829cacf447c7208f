"""One remembered schedule, as a file that merges well: TOML, one sorted key a line, and nothing of machine or day.

Its name ends in :data:`SUFFIX`, so that no scenario is looked for in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import PurePosixPath
from typing import Final

import msgspec

from dmabuf_async.errors import ScheduleError
from dmabuf_async.trace.schedule import decode

SUFFIX: Final = ".schedule"

_HEAD: Final = "# dmabuf-async --corpus: this is replayed first, and forgotten when it applies no more (docs/ci.md)."
_LONGEST: Final = 40
"""Characters of a scenario's name in the name of a file."""


class Malformed(ValueError):
    """A text that is no remembered schedule; its message says what is wrong."""


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """A finding in a scenario, and the schedule that shows it."""

    scenario: str
    """Its path as seen from the folder that holds the corpus, with ``:function`` if it is written in Python."""
    signature: str
    """As :class:`~dmabuf_async.trace.events.Signature` prints it."""
    code: str
    rule: str
    schedule: str
    """``dba1:...``"""
    replay: str
    """The command that shows it, as typed in the folder that holds the corpus."""

    @property
    def file(self) -> str:
        """The name of its file, the same for the same finding of the same scenario."""
        words = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(self.scenario.partition(".py:")[0]).stem)
        identity = hashlib.sha256(f"{self.scenario}\n{self.signature}".encode()).hexdigest()
        return f"{words[:_LONGEST].strip('-') or 'scenario'}-{self.code}-{identity[:10]}{SUFFIX}"

    def text(self) -> str:
        """The text of its file."""
        told = msgspec.structs.asdict(self)
        return "\n".join([_HEAD, *(f"{key} = {json.dumps(told[key])}" for key in sorted(told)), ""])


def parse(text: str) -> Entry:
    """The entry in the text of a file. Raises Malformed."""
    try:
        entry = msgspec.convert(tomllib.loads(text), Entry)
        decode(entry.schedule)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ScheduleError) as error:
        raise Malformed(str(error)) from None
    if re.fullmatch(r"[a-z][a-z-]*", entry.code) is None:
        raise Malformed(f"{entry.code!r} is no code of a finding")
    return entry
