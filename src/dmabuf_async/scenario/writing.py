"""From a ``Scenario`` to the text of a file that loads to the same scenario, as somebody would have written it.

What is left to its default is left out, a step has a line of its own, and short tables of texts stay on one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from dmabuf_async.scenario.schema import Scenario, without_defaults

_WIDTH: Final = 120
_ESCAPES: Final = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def toml(scenario: Scenario) -> str:
    """The scenario as TOML, ending in a newline: :func:`~dmabuf_async.scenario.load.parse_scenario` reads it back."""
    document = without_defaults(scenario)
    paragraphs = ["\n".join(_top(document))]
    if "machine" in document:
        paragraphs.append(_table("machine", document["machine"]))
    if "cells" in document:
        paragraphs.append(_table("cells", document["cells"]))
    for kind in ("buffers", "devices"):
        paragraphs += [_table(f"{kind}.{name}", table) for name, table in document.get(kind, {}).items()]
    paragraphs += ["\n".join(("[[tasks]]", *_keys(task))) for task in document["tasks"]]
    paragraphs += [_table(name, document[name]) for name in ("environment", "expect") if name in document]
    return "\n\n".join(paragraphs) + "\n"


def _top(document: Mapping[str, Any]) -> Iterator[str]:
    """The keys that belong to no table, which come first."""
    yield f"title = {_value(document['title'])}"
    if "story" in document:
        yield f"story = {_long(document['story'])}"
    yield from _keys({key: document[key] for key in ("rules", "mutexes", "spinlocks", "rwsems") if key in document})


def _table(name: str, table: Mapping[str, Any]) -> str:
    return "\n".join((f"[{name}]", *_keys(table)))


def _keys(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        line = f"{key} = {_value(value)}"
        if isinstance(value, list) and (len(line) > _WIDTH or any(isinstance(item, dict) for item in value)):
            yield f"{key} = ["
            yield from (f"  {_value(item)}," for item in value)
            yield "]"
        else:
            yield line


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{"".join(map(_character, value))}"'
        case dict():
            return f"{{ {', '.join(f'{key} = {_value(item)}' for key, item in value.items())} }}"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return str(value)


def _long(text: str) -> str:
    """A text of several lines between three quotes; what it says is the same to the last space."""
    if "\n" not in text:
        return _value(text)
    escaped = "".join(one if one in '\n"' else _character(one) for one in text).replace('"""', r"\"\"\"")
    if escaped.endswith('"'):
        escaped = escaped.removesuffix('"') + r"\""
    return f'"""\n{escaped}"""'


def _character(one: str) -> str:
    if one in _ESCAPES:
        return _ESCAPES[one]
    return one if one >= " " and one != "\x7f" else f"\\u{ord(one):04x}"
