"""Scenario files: the tables and steps of the JSON Schema that ``dmabuf-async scenario schema`` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dmabuf_async.scenario.json_schema import json_schema
from docs.generated.tables import table

TABLES = ("Scenario", "MachineSizes", "BufferSpec", "DeviceSpec", "TaskSpec", "Environment", "Expect")
TITLES = {"Scenario": "Top of the file"}
BIG = 2**31


def tables() -> str:
    """A section for each table of a file, then one for each step."""
    known = json_schema()["$defs"]
    return "\n".join([*_tables(known), "## Steps\n", *_steps(known)])


def _tables(known: dict[str, Any]) -> Iterator[str]:
    for name in TABLES:
        head, _, said = known[name]["description"].partition(": ")
        title = TITLES.get(name, f"`{head}`")
        said = known[name]["description"] if name in TITLES else said
        yield f"## {title}\n\n{said[0].upper()}{said[1:]}\n"
        yield _keys(known[name])


def _steps(known: dict[str, Any]) -> Iterator[str]:
    for name, spec in sorted(known.items()):
        if name not in TABLES:
            (verb,) = spec["properties"]["do"]["enum"]
            yield f"### {verb}\n\n{spec['description']}\n"
            keys = {key: value for key, value in spec["properties"].items() if key != "do"}
            if keys:
                yield _keys({**spec, "properties": keys})


def _keys(spec: dict[str, Any]) -> str:
    needed = set(spec.get("required", ()))
    rows = [
        (f"`{key}`", _kind(value), "needed" if key in needed else _default(value), value.get("description", ""))
        for key, value in spec["properties"].items()
    ]
    return table(("key", "value", "left out", "what it is"), rows)


def _default(value: dict[str, Any]) -> str:
    if "default" not in value or value["default"] in ("", [], {}) or isinstance(value["default"], dict):
        return ""
    return f"`{json.dumps(value['default'])}`"


def _kind(value: dict[str, Any]) -> str:
    """The type of a key, with its bounds or words."""
    if "$ref" in value:
        return "table"
    if "enum" in value:
        return ", ".join(f'`"{word}"`' for word in value["enum"])
    if "anyOf" in value:
        return " or ".join(map(_kind, value["anyOf"]))
    if value.get("type") == "array":
        inner = value["items"]
        if len(inner.get("enum", ())) > 6:
            return "list of names"
        return "list of " + ("tables" if "$ref" in inner or "anyOf" in inner else _kind(inner))
    if value.get("type") == "object":
        return "table of " + ("tables" if "$ref" in value["additionalProperties"] else "integers")
    if value.get("type") == "integer" and value.get("maximum", BIG) < BIG:
        return f"{value['minimum']} to {value['maximum']}"
    return {"string": "text", "integer": "integer", "boolean": "`true`, `false`"}.get(value.get("type", ""), "text")
