"""Where a key stands in the source of a TOML document.

``tomllib`` forgets lines, so a mistake in a value is looked up here afterwards. The text has been accepted by
``tomllib`` by then; the scanner relies on that and checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys of tables, and indexes (from 0) of arrays and arrays of tables."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*+")
# A run of up to five quotes ends a multi-line string: two of them may belong to the text.
_STRING = r'''"""(?:[^"\\]|\\.|"{1,2}(?!"))*+"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\]|\\.)*+"|\'[^\']*\''''
_SCALAR = re.compile(rf"{_STRING}|[^,\]}}\n#]+", re.DOTALL)
_KEY = re.compile(rf"{_STRING}|[A-Za-z0-9_-]+", re.DOTALL)


class Position(NamedTuple):
    """A place in a text: line and column, both from 1, the column in characters."""

    line: int
    column: int


def position_at(text: str, offset: int) -> Position:
    """The line and column of the character at ``offset``."""
    return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))


def position(text: str, path: KeyPath) -> Position:
    """Where the key or array element at ``path`` begins, or else the nearest thing around it that is written down.

    The first mention counts: ``[tasks.a]`` mentions ``tasks``. An element of an array of tables begins at the name in
    its ``[[header]]``.
    """
    return position_at(text, _Scanner(text, path).offset)


class _Scanner:
    """One pass over the text, up to ``wanted``, which keeps the offset of the longest beginning of it that it met.

    Paths are cut one part beyond the length of ``wanted``: they can't match any more, and a key of a thousand parts
    costs no more than one of ten.
    """

    def __init__(self, text: str, wanted: KeyPath) -> None:
        self.text = text
        self.wanted = wanted
        self.at = 0
        self.offset = 0
        self.depth = 0
        self.key_at = 0
        self.last_index: dict[KeyPath, int] = {}  # of the arrays of tables so far
        self._document()

    def _document(self) -> None:
        table: KeyPath = ()
        while self.depth < len(self.wanted) and not self._at_end():
            if self._take("["):
                table = self._header()
            else:
                self._value(self._dotted_key(table))

    def _header(self) -> KeyPath:
        """``[table]`` or ``[[table]]``; the first bracket has been taken."""
        is_array = self._take("[")
        path = self._dotted_key(())
        if is_array:
            self.last_index[path] = self.last_index.get(path, -1) + 1
            path = self._found(self._inside(path), self.key_at)
            self._take("]")
        self._take("]")
        return path

    def _dotted_key(self, path: KeyPath) -> KeyPath:
        while True:
            self._skip_blank()
            self.key_at = self.at
            path = self._found((*self._inside(path), self._key()), self.key_at)
            self._skip_blank()
            if not self._take("."):
                self._take("=")
                return path

    def _inside(self, path: KeyPath) -> KeyPath:
        """Where a header's next part leads: into the last element, if ``path`` is an array of tables."""
        return (*path, self.last_index[path]) if path in self.last_index else path

    def _key(self) -> str:
        written = self._match(_KEY)
        return next(iter(tomllib.loads(f"{written} = 0"))) if written[0] in "\"'" else written

    def _value(self, path: KeyPath) -> None:
        """The value at ``path``, without recursion; ``around`` holds the brackets that are open."""
        around: list[tuple[KeyPath, Iterator[int] | None]] = []  # in an array, with the indexes to come
        while True:
            self._skip_blank()
            if self._take("["):
                around.append((path, count()))
            elif self._take("{"):
                around.append((path, None))
            else:
                self._match(_SCALAR)
            while around and self._closes():
                around.pop()
            if not around or self.depth == len(self.wanted):
                return
            path, indexes = around[-1]
            path = self._dotted_key(path) if indexes is None else self._found((*path, next(indexes)), self.at)

    def _closes(self) -> bool:
        self._skip_blank()
        self._take(",")
        self._skip_blank()
        return self._take("]") or self._take("}")

    def _found(self, path: KeyPath, offset: int) -> KeyPath:
        if len(path) > self.depth and path == self.wanted[: len(path)]:
            self.depth, self.offset = len(path), offset
        return path[: len(self.wanted) + 1]

    def _at_end(self) -> bool:
        self._skip_blank()
        return self.at == len(self.text)

    def _skip_blank(self) -> None:
        self._match(_BLANK)

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        assert found, "tomllib has accepted this text"
        self.at = found.end()
        return found.group()

    def _take(self, character: str) -> bool:
        taken = self.text.startswith(character, self.at)
        self.at += taken
        return taken
