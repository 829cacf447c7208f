"""Where in its file something is that a report tells of: for whoever shows reports beside the source."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario.load import contents
from dmabuf_async.scenario.positions import KeyPath, position

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dmabuf_async.trace.events import Signature

_STEP: Final = re.compile(r"step (\d+) ")


def file_of(name: str) -> tuple[str, str]:
    """The file of a scenario as it is named, and the function if it is written in Python."""
    file, colon, function = name.rpartition(":")
    return (file, function) if colon and file.endswith(".py") else (name, "")


def line_of(name: str, signature: Signature | None = None) -> int:
    """The line, from 1, of the step that a finding is stated at: of the task, or the buffer, if it is at no step.

    In Python it is that of the function, as far as that lies in the file. Without a signature it is that of what the
    scenario expects. Where nothing of that is to be found it is the first of the scenario.
    """
    file, function = file_of(name)
    try:
        text = contents(Path(file)).decode()
        if file.endswith(".py"):
            return _line_in_python(text, function, signature)
        return position(text, _path(tomllib.loads(text), signature)).line
    except (ScenarioError, ValueError, SyntaxError, RecursionError):
        return 1


def _path(document: dict[str, Any], signature: Signature | None) -> KeyPath:
    if signature is None:
        return ("expect",) if "expect" in document else ()
    actor = signature.role.split("/")[0]
    for index, task in enumerate(document.get("tasks", ())):
        if task.get("name") == actor:
            step = _STEP.match(signature.site)
            return ("tasks", index, "steps", int(step[1]) - 1) if step else ("tasks", index)
    for name in document.get("buffers", {}):
        if actor.endswith(f"-{name}"):  # a task of its exporter
            return ("buffers", name)
    return ()


def _line_in_python(text: str, function: str, signature: Signature | None) -> int:
    lines = dict(_functions(ast.parse(text), ""))
    scenario = lines.get(function, 1)
    if signature is None:
        return scenario
    return lines.get(signature.site.rpartition(": ")[2], scenario)


def _functions(node: ast.AST, around: str) -> Iterator[tuple[str, int]]:
    """The functions below a node, by their qualified names as sites have them, and their lines."""
    for child in ast.iter_child_nodes(node):
        name = around
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{around}.{child.name}" if around else child.name
            if not isinstance(child, ast.ClassDef):
                yield name, child.lineno
        yield from _functions(child, name)
