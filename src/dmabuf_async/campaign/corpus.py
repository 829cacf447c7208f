"""The folder of a corpus: a file for each finding of each scenario, written whole or not at all.

Several campaigns may use one folder at once: each finding has a file of its own, a new text takes its place in one
step, and what somebody else has written meanwhile is not taken away.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dmabuf_async.campaign.entry import SUFFIX, Entry, Malformed, parse
from dmabuf_async.campaign.sink import Sink


class Unusable(Exception):
    """A folder that cannot be a corpus, or a file in it that is none of its; the message is one paragraph."""


class Corpus:
    """What is remembered in a folder, which is made if there is none. Raises Unusable.

    Names of scenarios are paths as seen from the folder that holds it, so that they mean the same to whoever uses it
    from anywhere. Files with other endings are left alone.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._base = os.path.dirname(os.path.abspath(folder))  # noqa: PTH100, PTH120 - links in it stay what they are
        self._texts: dict[Entry, tuple[Path, str]] = {}
        if not folder.is_dir() and os.path.lexists(folder):
            raise Unusable(f"{folder} is no folder: name one, which may be new")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            files = sorted(path for path in folder.iterdir() if path.suffix == SUFFIX)
        except OSError as error:
            raise Unusable(f"the folder {folder} cannot be used ({error.strerror}): name one to write to") from error
        for path in files:
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
            entry = parse(text)
        except OSError as error:
            raise Unusable(f"{path} cannot be read ({error.strerror}): make it readable, or take it away") from error
        except (Malformed, UnicodeDecodeError) as error:
            raise Unusable(
                f"{path} is no schedule that a campaign has remembered ({error}): solve the conflict of a merge in "
                "it, or take it away"
            ) from error
        self._texts.setdefault(entry, (path, text))

    def name(self, scenario: str) -> str:
        """What a scenario, as it was named on the command line, is called here."""
        path, colon, function = _parted(scenario)
        return Path(os.path.relpath(os.path.abspath(path), self._base)).as_posix() + colon + function  # noqa: PTH100

    def of(self, scenario: str) -> list[Entry]:
        """What is remembered of a scenario, as it was named on the command line."""
        return self._named(self.name(scenario))

    def _named(self, name: str) -> list[Entry]:
        return sorted(entry for entry in self._texts if entry.scenario == name)

    def path(self, entry: Entry) -> Path:
        """Where it lies, or would."""
        return self._texts[entry][0] if entry in self._texts else self.folder / entry.file

    def keep(self, entry: Entry) -> None:
        """Remember it, in the place of what was remembered of this finding. Raises OSError, and then all is as was."""
        path, text = self.folder / entry.file, entry.text()
        with Sink(path) as sink, self._alone():
            sink.write(text)
        for old in self._named(entry.scenario):
            if old.signature == entry.signature:
                if self.path(old) == path:
                    del self._texts[old]
                else:
                    self.forget(old)
        self._texts[entry] = (path, text)

    def forget(self, entry: Entry) -> None:
        """Take its file away, unless another campaign has written it anew since it was read. Raises OSError."""
        path, text = self._texts.pop(entry)
        with suppress(FileNotFoundError), self._alone():  # somebody else has forgotten it, too
            if path.read_text(encoding="utf-8") == text:
                path.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While this lasts, no other campaign changes a file of the folder: none is written as it is taken away."""
        folder = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with suppress(OSError):  # not every file system has locks
                fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def gone(self, paths: Iterable[str], explored: Collection[str]) -> Iterator[Entry]:
        """What is remembered of scenarios that lie below ``paths`` and are not there any more.

        ``explored`` are all that were found there, those that could not be loaded among them.
        """
        here = {self.name(one) for one in explored}
        files = {path for path, colon, _ in map(_parted, here) if colon}  # which could be read
        folders = [self.name(path) for path in paths if Path(path).is_dir()]
        for entry in sorted(self._texts):
            path = _parted(entry.scenario)[0]
            below = any(folder == "." or Path(path).is_relative_to(folder) for folder in folders)
            lost = not os.path.lexists(os.path.join(self._base, path)) or path in files  # noqa: PTH118
            if below and lost and entry.scenario not in here:
                yield entry


def _parted(scenario: str) -> tuple[str, str, str]:
    """The path, and after a colon the function of a scenario in Python."""
    path, colon, function = scenario.rpartition(":")
    return (path, colon, function) if path.endswith(".py") else (scenario, "", "")
