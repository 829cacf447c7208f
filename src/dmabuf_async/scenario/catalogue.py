"""Scenarios by name: from what the command line is given to programs that are known to be whole."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from dmabuf_async.checkers.catalogue import CODES
from dmabuf_async.drivers.catalogue import DEFECTS
from dmabuf_async.errors import ScenarioError
from dmabuf_async.scenario import build, python
from dmabuf_async.scenario.hints import spelled
from dmabuf_async.scenario.load import contents, load_scenario
from dmabuf_async.scenario.program import Program

_SKIPPED = ("__pycache__",)  # and hidden ones


def load(name: str) -> Program:
    """The program that ``name`` names: ``x.toml``, ``x.py:function``, or ``x.py`` with one scenario in it.

    Its machine has been made once, so that what is wrong with the scenario is known now. Raises ScenarioError, whose
    text is one paragraph, whatever that is.
    """
    file, colon, function = name.rpartition(":")
    if colon and file.endswith(".py"):
        program = python.load_python(Path(file), function, CODES)
    elif name.endswith(".py"):
        program = python.load_python(Path(name), None, CODES)
    else:
        program = build.program(load_scenario(Path(name), defects=DEFECTS, codes=CODES), name)
    machine = program.machines()()
    try:
        for actor in machine.actors:
            python.starts(actor)
    except ScenarioError as error:
        raise ScenarioError(f"{spelled(name)}: {error}") from error
    return program


def find(paths: Sequence[str]) -> list[str]:
    """The names of all scenarios under ``paths``, each of which :func:`load` takes.

    A file, or a ``file.py:function``, is named as it is. Of a folder and all folders in it, hidden ones aside: every
    ``*.toml``, and every function in a ``*.py`` that is decorated with ``@scenario``, sorted. Nothing is imported: a
    Python file that cannot be read is named itself, so that only loading it fails. Raises ScenarioError for a path that
    doesn't exist, and for a folder without scenarios.
    """
    names: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - unlike pathlib's it never raises
            found = sorted(_in_folder(Path(path)))
            if not found:
                raise ScenarioError(
                    f"{spelled(path)}: there is no scenario in this folder; name a folder with *.toml files, or with "
                    "*.py files that have functions decorated with @scenario"
                )
            names |= dict.fromkeys(found)
        else:
            file, _, function = path.rpartition(":")
            if not any(map(os.path.lexists, (path, file) if function.isidentifier() else (path,))):
                raise ScenarioError(
                    f"{spelled(path)}: there is no such file or folder; name a scenario, or a folder of them"
                )
            names[path] = None
    return list(names)


def _in_folder(root: Path) -> Iterator[str]:
    folders, seen = [root], set()
    while folders:
        folder = folders.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue  # links may lead round in a circle
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(folder.iterdir())
        except OSError as error:
            raise ScenarioError(
                f"{spelled(folder)}: cannot be read ({error.strerror}); name folders that you may read"
            ) from None
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _SKIPPED:
                continue
            if os.path.isdir(entry):  # noqa: PTH112 - as above
                folders.append(entry)
            elif entry.suffix == ".toml":
                yield str(entry)
            elif entry.suffix == ".py":
                yield from _in_python(entry)


def _in_python(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(contents(path))
    except (ScenarioError, SyntaxError, ValueError, RecursionError, MemoryError):
        yield str(path)  # loading it tells what is wrong
        return
    ours = _imported_names(tree)
    nodes: list[ast.AST] = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(_is_scenario(decorator, ours) for decorator in node.decorator_list):
                yield f"{path}:{node.name}"
        elif not isinstance(node, ast.ClassDef):
            nodes += ast.iter_child_nodes(node)


def _imported_names(tree: ast.Module) -> dict[str, str]:
    """What a file imports of this package: the names there, and what they stand for."""
    names = {}
    for node in ast.walk(tree):
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                full = f"{module}.{alias.name}" if module else alias.name
                if full.split(".")[0] == "dmabuf_async":
                    names[alias.asname or alias.name.split(".")[0]] = full
    return names


def _is_scenario(decorator: ast.expr, ours: dict[str, str]) -> bool:
    """Whether it is ``@scenario`` or ``@module.scenario``, called or not."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    last = called.attr if isinstance(called, ast.Attribute) else ""
    while isinstance(called, ast.Attribute):
        called = called.value
    if not isinstance(called, ast.Name) or called.id not in ours:
        return False
    return (last or ours[called.id].split(".")[-1]) == "scenario"
