"""From a scenario file to a ``Scenario``, or to one paragraph that says what is wrong, where, and what to do.

A mistake is looked for in four layers, each of which may rely on the ones before: the file, TOML, the types, and what
the parts of a scenario say about each other.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario.contradictions import contradictions
from dmabuf_async.scenario.hints import Mistake, clean, did_you_mean, dotted, spelled, type_mistakes
from dmabuf_async.scenario.positions import Position, position, position_at
from dmabuf_async.scenario.schema import Scenario

MAX_BYTES = 1 << 20
"""The largest scenario file that is read."""

_UNBOUNDED = (
    (  # tomllib takes memory in proportion to the square of the parts of one dotted key
        re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}"""),
        "this key has more than 32 parts, and no key of a scenario has more than 3; shorten it",
    ),
    (  # int() refuses them, and tomllib doesn't say where
        re.compile(r"(?<![0-9_])[0-9][0-9_]{4299,}+"),
        "this number has thousands of digits, and no number of a scenario has more than 20; shorten it",
    ),
)
_TOMLLIB = re.compile(
    r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)
_SYNTAX = {
    "Invalid value": "expected a value; text stands in straight quotes, and true and false have no capital",
    "Invalid statement": 'expected a key, as in title = "...", or a [table]',
    "Expected '=' after a key": 'expected "=" and a value after the key',
    "Expected newline or end of document": "expected nothing more on this line after the value; a key needs a line of"
    " its own, and a number has no leading zero",
    "Unclosed array": 'expected "," or "]" in an array',
    "Unclosed inline table": 'expected "," or "}" in an inline table { ... }',
    "Invalid initial character for a key part": "expected a key; an inline table { ... } stays on one line, and has no"
    ' comma before its "}"',
    "Unterminated string": "a text is not closed by a quote",
    "Illegal character '\\n'": "a text is not closed by a quote on its line",
    "Illegal character": r"a control character is written as \u and four digits, in a text in double quotes",
    "Found invalid character '\\n'": "a text is not closed by a quote on its line",
    "Found invalid character": "a control character stands here; take it out",
    "Expected \"'": "a text is not closed by a quote",
    "Invalid hex value": r"\u in a text stands before 4 hexadecimal digits, \U before 8; write a backslash twice",
    "Escaped character is not": "there is no such character; write a backslash twice, or put the text in single quotes",
    "Invalid date": "this is no date; text stands in quotes",
    "Unescaped '\\' in a string": "a backslash in a text is written twice, or the text stands in single quotes",
    "Expected ']'": "expected the closing bracket of a [table] or [[table]]",
    "Cannot mutate": "this table has been written as { ... }; write all its keys there, or none",
    "Cannot redefine": "this table has been written before; write each [table] once, and tasks as [[tasks]]",
    "Cannot declare": "this table has been written before; write each [table] once, and tasks as [[tasks]]",
    "Cannot overwrite a value": "this key has a value already; write each key once",
    "Duplicate inline table key": "this inline table has the same key twice",
}


def load_scenario(path: Path, *, defects: Mapping[str, Collection[str]], codes: Collection[str]) -> Scenario:
    """The scenario in the file at ``path``.

    ``defects`` maps each exporter and importer ("static", "swapping", "cpu") to the names of its known defects, and
    ``codes`` are the known codes of findings. Raises ScenarioError, whose text is one paragraph.
    """
    return parse_scenario(_decoded(contents(path), spelled(path)), str(path), defects=defects, codes=codes)


def parse_scenario(text: str, name: str, *, defects: Mapping[str, Collection[str]], codes: Collection[str]) -> Scenario:
    """The scenario in ``text``; ``name`` is what messages call the file. The rest is as with ``load_scenario``."""
    document = _document(text, name)
    try:
        scenario = msgspec.convert(document, Scenario)
    except msgspec.ValidationError as refusal:
        wanted = msgspec.inspect.type_info(Scenario)
        mistake = next(type_mistakes(document, wanted), Mistake((), clean(str(refusal))))
        raise _error(name, position(text, mistake.path), mistake) from None
    for mistake in contradictions(scenario, defects, codes):
        raise _error(name, position(text, mistake.path), mistake)
    return scenario


def contents(path: Path) -> bytes:
    """What is in the file at ``path``, at most a megabyte. Never waits for a pipe or a device.

    Raises ScenarioError, whose text begins with the path.
    """
    name = spelled(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ScenarioError(f"{name}: there is no such file; {_neighbour(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ScenarioError(f"{name}: cannot be read ({reason}); name a scenario file that you may read") from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise ScenarioError(f"{name}: is a folder, and a file was expected; name a file in it, such as x.toml")
        if not stat.S_ISREG(mode):
            raise ScenarioError(f"{name}: is a pipe or a device, and a file was expected; save the scenario as a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ScenarioError(f"{name}: cannot be read ({error.strerror}); copy it to another disk") from None
    finally:
        os.close(descriptor)
    if len(content) > MAX_BYTES:
        raise ScenarioError(f"{name}: is larger than {MAX_BYTES:,} bytes, which no scenario needs; split it")
    return content


def _neighbour(path: Path) -> str:
    """The hint after the name of a file that doesn't exist."""
    if path.is_symlink():
        return f"it is a link to {spelled(path.readlink())}, which is not there"
    try:
        names = [one.name for one in islice(path.parent.iterdir(), 1000) if one.suffix in {".toml", ".py"}]
    except OSError:
        return f"nor is there a folder {spelled(path.parent)}"
    return did_you_mean(path.name, names, "name a scenario file, such as x.toml")


def _decoded(content: bytes, name: str) -> str:
    if not content.strip():
        raise ScenarioError(f'{name}: is empty; a scenario needs at least title = "..." and one [[tasks]] table')
    if b"\0" in content:
        raise ScenarioError(f"{name}: is a binary file (byte {content.index(0)} is NUL), and TOML text was expected")
    content = content.removeprefix(codecs.BOM_UTF8)  # Windows editors write it
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        at = position_at(before, len(before))
        found = f"expected text in UTF-8, found the byte 0x{content[error.start]:02x}; save the file as UTF-8"
        raise _error(name, at, Mistake((), found)) from None


def _document(text: str, name: str) -> dict[str, Any]:
    """The document that TOML makes of ``text``."""
    for pattern, told in _UNBOUNDED:
        found = pattern.search(text)
        if found:
            raise _error(name, position_at(text, found.start()), Mistake((), told))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _error(name, *_syntax_mistake(text, str(error))) from None
    except RecursionError:
        raise _error(name, Position(1, 1), Mistake((), "arrays or inline tables are nested too deeply")) from None
    except ValueError as error:  # a number that this Python doesn't want to read
        raise _error(name, Position(1, 1), Mistake((), f"is not valid TOML: {clean(str(error))}")) from None


def _syntax_mistake(text: str, said: str) -> tuple[Position, Mistake]:
    """Where tomllib stumbled, and what it says, in the words of somebody who writes scenarios."""
    parts = _TOMLLIB.fullmatch(said)
    if parts is None:
        return Position(1, 1), Mistake((), f"is not valid TOML: {clean(said)}")
    if parts["line"]:
        at = Position(int(parts["line"]), int(parts["column"]))
        rest = text.split("\n")[at.line - 1][at.column - 1 :].strip()
    else:
        at, rest = position_at(text, len(text.rstrip())), ""
    reason = parts["reason"]
    told = next((words for start, words in _SYNTAX.items() if reason.startswith(start)), clean(reason))
    if told.startswith("expected"):
        told = f"{told}; found {clean(rest) if rest else 'the end of the line' if parts['line'] else 'the end'}"
    return at, Mistake((), told)


def _error(name: str, at: Position, mistake: Mistake) -> ScenarioError:
    where = f"{spelled(name)}:{at.line}:{at.column}"
    return ScenarioError(": ".join(filter(None, (where, dotted(mistake.path), mistake.text))))
