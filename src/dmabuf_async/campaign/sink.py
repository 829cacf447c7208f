"""A file that is written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class Sink:
    """A place for a text that will be there only later; that it can be written is seen at once.

    The text goes to a new file beside the old one, and takes its place in one step. What
    is not a plain file (``/dev/stdout``, a pipe) is written directly. Raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))  # a symbolic link stays one
        self._new: Path | None = None
        try:
            found = self._path.stat()
        except FileNotFoundError:
            mode = 0o666 & ~_umask()
        else:
            if not stat.S_ISREG(found.st_mode):
                self._file = os.open(self._path, os.O_WRONLY)
                return
            os.close(os.open(self._path, os.O_WRONLY))
            mode = stat.S_IMODE(found.st_mode)
        self._file, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        self._new = Path(name)
        os.fchmod(self._file, mode)

    def write(self, text: str | bytes) -> None:
        """Write the whole text, as UTF-8 if it is one, and put it in its place. Once."""
        data = memoryview(text if isinstance(text, bytes) else text.encode())
        while data:
            data = data[os.write(self._file, data) :]
        if self._new is not None:
            os.fsync(self._file)
            self._new.replace(self._path)
            self._new = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._file)
        if self._new is not None:
            self._new.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
