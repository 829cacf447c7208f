from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.scenario.json_schema import json_schema

GOLDEN = Path(__file__).parent / "golden"
SCENARIOS = Path(__file__).parents[2] / "scenarios"
SCHEMA = json_schema()
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
SILENT = {"$schema", "$defs", "title", "description", "default"}


def conforms(value: Any, to: dict[str, Any]) -> bool:
    """What a validator of JSON Schema would say, of the keywords that this schema uses; KeyError for any other."""
    rules: dict[str, Callable[[Any], bool]] = {
        "$ref": lambda name: conforms(value, SCHEMA["$defs"][name.removeprefix("#/$defs/")]),
        "type": lambda name: isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool)),
        "enum": lambda words: value in words,
        "anyOf": lambda schemas: any(map(partial(conforms, value), schemas)),
        "minimum": lambda least: value >= least,
        "maximum": lambda most: value <= most,
        "maxLength": lambda most: len(value) <= most,
        "pattern": lambda pattern: re.search(pattern.removesuffix("$") + r"\Z", value) is not None,
        "minItems": lambda least: len(value) >= least,
        "maxItems": lambda most: len(value) <= most,
        "items": lambda schema: all(conforms(item, schema) for item in value),
        "required": lambda keys: set(keys) <= set(value),
        "properties": lambda keys: all(conforms(value[key], keys[key]) for key in keys if key in value),
        "propertyNames": lambda schema: all(conforms(key, schema) for key in value),
        "additionalProperties": lambda schema: all(
            schema is not False and conforms(item, schema)
            for key, item in value.items()
            if key not in to.get("properties", ())
        ),
    }
    return all(rules[keyword](to[keyword]) for keyword in to if keyword not in SILENT)


def documents(layer: str) -> list[dict[str, Any]]:
    texts = (case.split("\n", 1)[1].rpartition("---\n")[0] for case in (GOLDEN / layer).read_text().split("=== ")[1:])
    return [tomllib.loads(text) for text in texts]


@pytest.mark.parametrize("path", sorted(SCENARIOS.rglob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_that_ships_conforms_to_the_schema(path: Path) -> None:
    assert conforms(tomllib.loads(path.read_text()), SCHEMA)


def test_a_mistake_of_type_does_not_conform_to_the_schema() -> None:
    accepted = [document for document in documents("types.txt") if conforms(document, SCHEMA)]
    assert accepted == []


def test_contradictions_are_beyond_the_schema_but_for_names_that_it_lists() -> None:
    conforming = [document for document in documents("contradictions.txt") if conforms(document, SCHEMA)]
    told = json.dumps(conforming)
    assert len(conforming) > 30
    assert "deadlok" not in told
    assert "skipget" not in told


def test_the_schema_lists_defects_and_codes() -> None:
    tables = SCHEMA["$defs"]
    assert tables["TaskSpec"]["properties"]["defects"]["items"] == {"enum": sorted(DEFECTS["cpu"])}
    assert tables["DeviceSpec"]["properties"]["defects"]["items"] == {"enum": sorted(DEFECTS["device"])}
    assert set(DEFECTS["static"]) | set(DEFECTS["swapping"]) | set(DEFECTS["migrating"]) == set(
        tables["BufferSpec"]["properties"]["defects"]["items"]["enum"]
    )
    assert tables["Expect"]["properties"]["findings"]["items"] == {"enum": sorted(CODES)}


def test_the_schema_is_json_and_has_neither_null_nor_patterns_of_python() -> None:
    text = json.dumps(SCHEMA)
    assert json.loads(text) == SCHEMA
    assert "null" not in text
    assert "(?!" not in text
    assert "discriminator" not in text


def test_every_table_is_described_and_refuses_unknown_keys() -> None:
    for name, table in SCHEMA["$defs"].items():
        assert table["additionalProperties"] is False, name
        assert table["description"].endswith("."), name
        assert "\n" not in table["description"]


def test_a_key_is_described_in_the_words_of_its_struct() -> None:
    tables = SCHEMA["$defs"]
    assert tables["MachineSizes"]["properties"]["ram"]["description"] == "frames of lowmem, 0 to 4096"
    assert tables["BufferSpec"]["properties"]["zone"] == {
        "enum": ["highmem", "lowmem", "vram"],
        "description": "where its frames are, or are at first; left out, highmem if the machine has any, else lowmem",
    }
    assert tables["Memcpy"]["properties"]["from"]["description"].startswith(
        "what kmap called the one that is read; a name"
    )
