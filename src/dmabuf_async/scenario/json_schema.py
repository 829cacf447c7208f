"""The JSON Schema of scenario files, for editors: completion, and mistakes underlined while one types."""

from __future__ import annotations

import inspect
import re
from typing import Any

import msgspec

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS, IMPORTERS
from dmabuf_async.scenario.schema import Scenario


def json_schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) that every scenario file fulfils which :func:`~dmabuf_async.scenario.load` accepts.

    It is read off the types of ``schema``: names, bounds, defaults and words; unknown keys are refused. Names of
    defects and codes of findings are listed. What the parts of a file say about each other is not in it.
    """
    (scenario,), tables = msgspec.json.schema_components([Scenario])
    for table in tables.values():
        _tidy(table)
        _describe(table)
    exporters = {defect for driver, known in DEFECTS.items() if driver not in IMPORTERS for defect in known}
    for table, key, words in (
        ("BufferSpec", "defects", exporters),
        ("TaskSpec", "defects", DEFECTS["cpu"]),
        ("DeviceSpec", "defects", DEFECTS["device"]),
        ("MachineSizes", "defects", DEFECTS["core"]),
        ("Expect", "findings", CODES),
    ):
        tables[table]["properties"][key]["items"] = {"enum": sorted(words)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of dmabuf_async",
        **scenario,
        "$defs": tables,
    }


def _tidy(node: Any) -> None:
    """Take out what TOML or an editor doesn't have: null, and the end of a Python pattern."""
    if isinstance(node, dict):
        several = [one for one in node.get("anyOf", ()) if one != {"type": "null"}]
        if len(several) == 1:
            del node["anyOf"]
            node |= several[0]
        if node.get("default", ...) is None:
            del node["default"]
        if "pattern" in node:
            node["pattern"] = node["pattern"].removesuffix(r"(?!\n)")
        node.pop("discriminator", None)  # of OpenAPI
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _tidy(inner)


def _describe(table: dict[str, Any]) -> None:
    """Give each key the sentence that the docstring of its struct says of it, ``key: ...``, and the table the rest."""
    keys = table["properties"]
    said = " ".join(inspect.cleandoc(table.get("description", "")).split())
    words = re.split(rf"(?<=[.] )({'|'.join(map(re.escape, keys))}): ", said)
    table["description"] = words[0].strip()
    for key, text in zip(words[1::2], words[2::2], strict=True):
        told = (text.strip().removesuffix("."), keys[key].get("description"))
        keys[key]["description"] = "; ".join(filter(None, told))
