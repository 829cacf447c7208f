"""What of JSON Schema (2020-12) our own schemas use, judged strictly: a key that no schema names is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_KNOWN: Final = {
    "$ref", "$schema", "$defs", "title", "description", "type", "enum", "const", "anyOf", "oneOf", "properties",
    "required", "additionalProperties", "items", "minimum", "maximum", "pattern", "default",
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "") -> list[str]:
    """What is wrong with a value, with its path; nothing, if it fulfils the schema."""
    assert schema.keys() <= _KNOWN, f"{schema.keys() - _KNOWN} is not judged here"
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, at)
    for word in ("anyOf", "oneOf"):
        if word in schema:
            each = [faults(value, one, root, at) for one in schema[word]]
            fitting = sum(not found for found in each)
            if fitting == 0:
                return min(each, key=len)
            return [f"{at}: {fitting} of {word} fit"] if word == "oneOf" and fitting > 1 else []
    kind = schema.get("type")
    if kind is not None and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        return [f"{at}: {value!r} is no {kind}"]
    found = [f"{at}: {fault}" for fault in _plain(value, schema)]
    if isinstance(value, list):
        for number, one in enumerate(value):
            found += faults(one, schema.get("items") or {}, root, f"{at}[{number}]")
    return [*found, *_keys(value, schema, root, at)] if isinstance(value, dict) else found


def _plain(value: Any, schema: dict[str, Any]) -> Iterator[str]:
    if value not in schema.get("enum", [value]):
        yield f"{value!r} is none of {schema['enum']}"
    if value != schema.get("const", value):
        yield f"{value!r} is not {schema['const']!r}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{value} is too little"
    if "maximum" in schema and value > schema["maximum"]:
        yield f"{value} is too much"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{value!r} is not like {schema['pattern']}"


def _keys(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    yield from (f"{at}: {key} is missing" for key in schema.get("required", ()) if key not in value)
    for key, one in value.items():
        if key in known or isinstance(others, dict):
            yield from faults(one, known.get(key, others), root, f"{at}.{key}")
        elif known:
            yield f"{at}: {key} is not documented"
