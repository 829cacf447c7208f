"""What an unfinished check knows, in a file: written whole or not at all, and refused if it is of something else."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async._version import __version__
from dmabuf_async.campaign.sink import Sink
from dmabuf_async.report.lanes import printable
from dmabuf_async.trace.schedule import digest_text

if TYPE_CHECKING:
    from dmabuf_async.cli.console import Console
    from dmabuf_async.explore.search import Search
    from dmabuf_async.scenario.program import Program

FOLDER: Final = Path(".dmabuf-async")
"""Where checkpoints are kept if nothing else is said: below the working directory, as caches of other tools are."""

EVERY: Final = 5.0
"""Seconds between two checkpoints."""

_MAGIC: Final = b"dmabuf-async checkpoint 1"


class Refused(Exception):
    """A file that a check cannot go on from, in one paragraph."""


def identity(program: Program, kind: str, max_steps: int) -> dict[str, Any]:
    """What must be the same for a check to go on."""
    return {
        "version": __version__,
        "digest": digest_text(program.digest),
        "search": kind,
        "max_steps": max_steps,
    }


def read(path: Path, program: Program, kind: str, max_steps: int) -> bytes:
    """What the search needs to go on, from a file that was kept. Raises Refused."""
    where = printable(str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"{where} cannot be read ({error.strerror}): name a checkpoint that a check has kept") from error
    magic, head, body = (*data.split(b"\n", 2), b"", b"")[:3]
    try:
        told = json.loads(head)
    except ValueError:
        told = None
    if magic != _MAGIC or not isinstance(told, dict) or told.get("sha256") != hashlib.sha256(body).hexdigest():
        raise Refused(
            f"{where} is no checkpoint, or not a whole one: name a file that dmabuf-async check has kept, or check anew"
        )
    wanted = identity(program, kind, max_steps)
    scenario = printable(str(told.get("scenario", "")))
    for key, value in wanted.items():
        if told.get(key) != value:
            raise Refused(_differs(where, key, printable(str(told.get(key))), value, scenario, program.name))
    return body


def _differs(where: str, key: str, kept: str, wanted: object, scenario: str, name: str) -> str:
    match key:
        case "version":
            return f"{where} was kept by version {kept}, and this is {wanted}: check anew, or with that version"
        case "digest":
            return (
                f"{where} is of another scenario, or of this one before it was changed: it was kept for {scenario}, "
                f"which had the digest {kept!r}, and {printable(name)} has {wanted!r}: check anew"
            )
        case "search":
            return f"{where} is of --search {kept}, and this is {wanted}: say --search {kept}, or check anew"
        case _:
            return f"{where} was kept with --max-steps {kept}, and this is {wanted}: say --max-steps {kept}"


class Keeper:
    """Keeps checkpoints of one check at one place, now and then. A place that takes none is told once."""

    def __init__(
        self,
        console: Console,
        path: Path,
        program: Program,
        identity: Mapping[str, Any],
        *,
        clear: Callable[[], None] = lambda: None,
    ) -> None:
        self._clear = clear  # called before anything is told
        self._console = console
        self._path = path
        self._head = {"scenario": program.name, **identity}
        self._due = time.monotonic() + EVERY
        self._works = True
        self.kept: Path | None = None
        """Where one lies, if there is one."""

    def look(self, search: Search) -> None:
        """Keep one if it is time."""
        if self._works and time.monotonic() >= self._due:
            self.keep(search)
            self._due = time.monotonic() + EVERY

    def keep(self, search: Search) -> None:
        """Keep one now, in the place of the last. A search that has nothing to keep begins anew another time."""
        body = search.checkpoint() if self._works else b""
        if not body:
            return
        head = {**self._head, "sha256": hashlib.sha256(body).hexdigest()}
        try:
            self._prepare()
            with Sink(self._path) as sink:
                sink.write(b"\n".join((_MAGIC, json.dumps(head).encode(), body)))
        except OSError as error:
            self._works = False
            last = ": the last one that was kept is whole" if self.kept else ""
            self._clear()
            self._console.complain(
                f"the checkpoint {self._path} cannot be written ({error.strerror}){last}; the check goes on, and "
                "--checkpoint names another place"
            )
        else:
            self.kept = self._path

    def drop(self) -> None:
        """The check is finished: nobody will go on from here."""
        if self.kept is not None and self.kept.is_file():  # and no device or pipe that was named
            self.kept.unlink()
        self.kept = None

    def _prepare(self) -> None:
        folder = self._path.parent
        if folder == FOLDER and not folder.exists():
            folder.mkdir()
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def place(program: Program) -> Path:
    """Where the checkpoint of a scenario is kept if nothing else is said."""
    words = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(program.name).name)
    return FOLDER / f"{words}-{program.digest.hex()[:8]}.checkpoint"
