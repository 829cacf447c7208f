"""Findings that somebody knows of and accepts: a file of signatures, one a line, for ``--known``.

::

    # the exporter is to be rewritten, until then:
    scenarios/pin/put-twice.toml: unbalanced-put (V7) by importer at step 3 put_backing_storage: put on buffer

A line is a signature as :class:`~dmabuf_async.trace.events.Signature` prints it, for the scenario that is named before
it; the end of its path is enough. Without a scenario it is for all of them. Blanks don't count; what follows ``#`` at
the beginning of a line, or between blanks, is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.scenario.hints import clean, nearest

if TYPE_CHECKING:
    from dmabuf_async.trace.events import Signature

Accepts: TypeAlias = "Callable[[Signature], bool]"
"""Whether a finding of this signature is accepted."""

_LINE: Final = re.compile(r"(?:(?P<scenario>\S.*?): )?(?P<code>[a-z][a-z-]*) \([^()]*\) by \S.* at \S.* on \S.*")
_FORM: Final = "[SCENARIO: ]CODE (RULE) by ROLE at SITE on OBJECT, as the line 'accept' below a finding has it"


class Malformed(ValueError):
    """The file is not one of signatures; its message says where."""


class Line(NamedTuple):
    """One line of the file."""

    number: int
    scenario: str
    """Empty: all."""
    signature: str

    def covers(self, scenario: str) -> bool:
        """Whether it is for that scenario."""
        if not self.scenario:
            return True
        mine, other = PurePath(self.scenario).parts, PurePath(scenario).parts
        least = min(len(mine), len(other))
        return mine[-least:] == other[-least:]


class Accepted:
    """What is accepted, and which lines have matched something so far. Raises Malformed."""

    def __init__(self, text: str = "") -> None:
        self.lines = [_read(number, line) for number, line in _written(text)]
        self._matched: set[Line] = set()

    def of(self, scenario: str) -> Accepts:
        """What is accepted in one scenario."""
        lines: dict[str, list[Line]] = {}
        for line in self.lines:
            if line.covers(scenario):
                lines.setdefault(line.signature, []).append(line)

        def accepts(signature: Signature) -> bool:
            matching = lines.get(_plain(str(signature)), ())
            self._matched.update(matching)
            return bool(matching)

        return accepts

    def unmatched(self, scenarios: Iterable[str]) -> list[Line]:
        """Lines for these scenarios that nothing was found for."""
        names = list(scenarios)
        return [line for line in self.lines if line not in self._matched and any(line.covers(name) for name in names)]


def accepting(scenario: str, signature: Signature) -> str:
    """The line that accepts this finding there."""
    return f"{scenario}: {signature}"


def nothing(_signature: Signature) -> bool:
    """Accepts no finding."""
    return False


def _plain(text: str) -> str:
    return " ".join(text.split())


def _written(text: str) -> Iterable[tuple[int, str]]:
    """Every line that says something, and its number."""
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        said = _plain(re.split(r"(?:^|\s)#(?:\s|$)|^\s*#", line, maxsplit=1)[0])
        if said:
            yield number, said


def _read(number: int, line: str) -> Line:
    found = _LINE.fullmatch(line)
    if found is None:
        raise Malformed(f"line {number} is no signature: {clean(line)!r}; expected is {_FORM}")
    code = found["code"]
    if code not in CODES:
        near = nearest(code, CODES)
        hint = f"; did you mean {near!r}?" if near else ""
        raise Malformed(f"line {number} names a code that does not exist, {clean(code)!r}{hint}")
    scenario = found["scenario"] or ""
    return Line(number, scenario, line.removeprefix(f"{scenario}: ") if scenario else line)
