"""A scenario as the text of a file, in the manner of the catalogue; what is as by default is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dmabuf_async.scenario.schema import Scenario, told

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def text_of(scenario: Scenario, comments: Sequence[str] = ()) -> str:
    """The text that :func:`~dmabuf_async.scenario.load.parse_scenario` reads as this scenario.

    ``comments`` are lines that come first.
    """
    document = told(scenario)
    tasks = document.pop("tasks")
    expect = document.pop("expect", {})
    parts = [[f"# {line}".rstrip() for line in comments]] if comments else []
    plain = {key: value for key, value in document.items() if not _is_table(value)}
    parts.append([f"{key} = {_value(value)}" for key, value in plain.items()])
    for key, value in document.items():
        if key in plain or key == "environment":
            continue
        if any(isinstance(one, Mapping) for one in value.values()):  # [buffers.NAME], [devices.NAME]
            parts += [_table(f"{key}.{_key(name)}", one) for name, one in value.items()]
        else:
            parts.append(_table(key, value))
    parts += [_task(task) for task in tasks]
    parts += [
        _table(key, value) for key, value in (("environment", document.get("environment")), ("expect", expect)) if value
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _table(name: str, table: Mapping[str, Any]) -> list[str]:
    return [f"[{name}]", *(f"{_key(key)} = {_value(value)}" for key, value in table.items())]


def _task(task: Mapping[str, Any]) -> list[str]:
    others = [f"{_key(key)} = {_value(value)}" for key, value in task.items() if key != "steps"]
    steps = [f"  {_value(step)}," for step in task["steps"]]
    return ["[[tasks]]", *others, "steps = [", *steps, "]"]


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    # JSON is TOML here, but for the one control character that JSON does not escape
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)
