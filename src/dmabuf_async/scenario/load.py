"""From a scenario file to a ``Scenario``, or to one paragraph that says what is wrong, where, and what to do.

A mistake is looked for in four layers, each of which may rely on the ones before: the file, TOML, the types, and what
the parts of a scenario say about each other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from dmabuf_async.scenario.hints import (
    Mistake,
    clean,
    type_mistakes,
)
from dmabuf_async.scenario.positions import position
from dmabuf_async.scenario.schema import (
    Scenario,
)

MAX_BYTES = 1 << 20
"""The largest scenario file that is read."""

# tomllib takes memory in proportion to the square of the parts of one dotted key.
_LONG_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{4299,}")  # int() refuses them, and tomllib doesn't say where
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
    "Unescaped '\\' in a string": "a backslash in a text is written twice, or the text stands in single quotes",
    "Expected ']'": "expected the closing bracket of a [table] or [[table]]",
    "Cannot declare": "this table has been written before; write each [table] once, and tasks as [[tasks]]",
    "Cannot overwrite a value": "this key has a value already; write each key once",
    "Duplicate inline table key": "this inline table has the same key twice",
}


def load_scenario(path: Path, *, defects: Mapping[str, Collection[str]], codes: Collection[str]) -> Scenario:
    """The scenario in the file at ``path``.

    ``defects`` maps each exporter and importer ("static", "swapping", "cpu") to the names of its known defects, and
    ``codes`` are the known codes of findings. Raises ScenarioError, whose text is one paragraph.
    """
    return parse_scenario(_read(path), str(path), defects=defects, codes=codes)


def parse_scenario(text: str, name: str, *, defects: Mapping[str, Collection[str]], codes: Collection[str]) -> Scenario:
    """The scenario in ``text``; ``name`` is what messages call the file. The rest is as with ``load_scenario``."""
    document = _document(text, name)
    try:
        scenario = msgspec.convert(document, Scenario)
    except msgspec.ValidationError as refusal:
        wanted = msgspec.inspect.type_info(Scenario)
        mistake = next(type_mistakes(document, wanted), Mistake((), clean(str(refusal))))
        raise _error(name, position(text, mistake.path), mistake) from None
    for mistake in _contradictions(scenario, defects, codes):
        raise _error(name, position(text, mistake.path), mistake)
    return scenario
