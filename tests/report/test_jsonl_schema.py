from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from dmabuf_async.report import jsonl
from dmabuf_async.report.jsonl_schema import LINES, json_schema
from tests.json_schema import faults

GOLDEN = Path(__file__).parent / "golden" / "report.jsonl"
DOCS = Path(__file__).parents[2] / "docs" / "traces.md"
SCHEMA = json_schema()
WRITTEN = set(re.findall(r'_line\(\s*"(\w+)"', inspect.getsource(jsonl)))
GENERATED = re.compile(r"(<!-- made from the code: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def kinds() -> dict[str, dict[str, Any]]:
    """By type of line, its part of the schema."""
    parts = (SCHEMA["$defs"][one["$ref"].removeprefix("#/$defs/")] for one in SCHEMA["oneOf"])
    return {part["properties"]["type"]["enum"][0]: part for part in parts}


def judged(line: str) -> list[str]:
    """What is wrong with a line, by the schema of its type."""
    value = json.loads(line)
    return faults(value, kinds()[value["type"]], SCHEMA)


def test_every_kind_of_line_that_is_written_has_its_schema_and_no_other() -> None:
    assert kinds().keys() == WRITTEN
    assert len(LINES) == len(WRITTEN)


@pytest.mark.parametrize("line", GOLDEN.read_text(encoding="utf-8").splitlines())
def test_the_lines_that_were_agreed_on_fulfil_it(line: str) -> None:
    assert judged(line) == []
    assert faults(json.loads(line), SCHEMA, SCHEMA) == []


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"step": 0}, "too little"),
        ({"step": "6"}, "is no integer"),
        ({"fault": 1}, "is no boolean"),
        ({"more": 1}, "more is not documented"),
        ({"schema": 2}, "too much"),
        ({"cpu": "cpu0"}, "is no"),
    ],
)
def test_what_is_not_as_documented_is_refused(edit: dict[str, Any], said: str) -> None:
    value = {**json.loads(GOLDEN.read_text(encoding="utf-8").splitlines()[0]), **edit}
    (found,) = faults(value, kinds()["event"], SCHEMA)
    assert said in found


def test_a_key_that_is_left_out_is_missed() -> None:
    value = json.loads(GOLDEN.read_text(encoding="utf-8").splitlines()[0])
    del value["writes"]
    assert faults(value, kinds()["event"], SCHEMA) == [": writes is missing"]


def described(part: dict[str, Any]) -> str:
    """The table of a type's keys, in Markdown."""
    rows = ["| key | type | meaning |", "|---|---|---|"]
    for key, value in part["properties"].items():
        if key not in {"type", "schema"}:
            rows.append(f"| `{key}` | {_type(value)} | {_meaning(value)} |")
    return "\n".join(rows) + "\n"


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_type(one) for one in value["anyOf"])
    if "$ref" in value:
        return f"`{value['$ref'].removeprefix('#/$defs/')}`"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if value["type"] == "array":
        return f"list of {_type(value['items'])}"
    if value["type"] == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"object of {_type(value['additionalProperties'])}"
    return str(value["type"])


def _meaning(value: dict[str, Any]) -> str:
    inner = (one["description"] for one in value.get("anyOf", ()) if "description" in one)
    return str(value.get("description") or next(inner, ""))


def part_of(name: str) -> dict[str, Any]:
    part: dict[str, Any] = kinds()[name] if name in kinds() else SCHEMA["$defs"][name]
    return part


def test_the_page_on_traces_says_of_each_key_what_the_schema_says() -> None:
    text = DOCS.read_text(encoding="utf-8")
    made = GENERATED.sub(lambda found: f"{found[1]}\n{described(part_of(found[2]))}\n{found[4]}", text)
    if os.environ.get("UPDATE_GOLDEN"):
        DOCS.write_text(made, encoding="utf-8")
    assert made == DOCS.read_text(encoding="utf-8")


def test_the_page_on_traces_has_every_line_of_a_trace_and_every_object_in_one() -> None:
    told = {found[2] for found in GENERATED.finditer(DOCS.read_text(encoding="utf-8"))}
    assert {"execution", "event", "order", "finding", "verdict"} <= told
    named = set(re.findall(r"^\| `\w+` \| [^|\n]*`([A-Z]\w+)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= told
