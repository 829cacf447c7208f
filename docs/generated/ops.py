"""Ops: kinds, footprints and results, as one execution of each scenario of the catalogue shows them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dmabuf_async.machine
from dmabuf_async import tasks
from dmabuf_async.engine.audit import Audit
from dmabuf_async.explore.execution import execute
from dmabuf_async.ops import Op
from dmabuf_async.scenario import catalogue
from dmabuf_async.strategies.random_walk import RandomWalk
from docs.generated.tables import marked, table

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.ops import Footprint

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@dataclass
class Seen:
    """What one class of ops did."""

    text: str = ""
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    results: set[str] = field(default_factory=set)


class Recorder(Audit):
    """Writes down what steps touch, and judges nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[type[Op], Seen] = {}
        self._op: Op | None = None

    def adopt(self, machine: Machine) -> None:
        """Nothing is instrumented."""

    def settled(self, actor: Actor, value: object) -> None:
        """Nothing is compared."""

    def open(self, actor: Actor, op: Op, footprint: Footprint) -> None:
        """A step begins."""
        self._op = op
        known = self.seen.setdefault(type(op), Seen())
        text = op.describe()
        known.text = min(known.text or text, text, key=lambda words: (len(words), words))
        known.reads |= {thing.KIND for thing in op.reads(actor)}
        known.writes |= {thing.KIND for thing in op.writes(actor)}

    def close(self, actor: Actor, result: Any) -> None:
        """It has been made."""
        if self._op is not None:
            self.seen[type(self._op)].results.add(_named(result))


WORDS = {"NoneType": "", "bool": "yes or no", "int": "a number", "str": "text", "Errno": "an errno"}


def _named(result: Any) -> str:
    return getattr(type(result), "KIND", "") or WORDS.get(type(result).__name__, type(result).__name__)


def recorded() -> dict[type[Op], Seen]:
    """One random execution of each scenario of the catalogue."""
    recorder = Recorder()
    for name in catalogue.find([str(SCENARIOS)]):
        execute(catalogue.load(name), RandomWalk(0), audit=recorder)
    return recorder.seen


def homes() -> Iterator[tuple[str, str, list[type[Op]]]]:
    """(module, the first line of its docstring, its ops) for each module that has some."""
    for found in pkgutil.iter_modules(dmabuf_async.machine.__path__, "dmabuf_async.machine."):
        module = importlib.import_module(found.name)
        yield module.__name__, _first(module), _ops_of(module)
    yield tasks.__name__, _first(tasks), _ops_of(tasks)


def _first(module: Any) -> str:
    return marked((inspect.getdoc(module) or "").split("\n")[0])


def _ops_of(module: Any) -> list[type[Op]]:
    return [
        one
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, Op) and one.__module__ == module.__name__ and one.kind != "op"
    ]


def tables() -> str:
    """A section for each module, and in it a row for each of its ops."""
    seen = recorded()
    parts = []
    for module, said, ops in homes():
        if ops:
            rows = [_row(op, seen.get(op, Seen())) for op in ops]
            heads = ("op", "as reports show it", "reads", "writes", "result", "notes")
            parts.append(f"## {module.rpartition('.')[2]}\n\n{said}\n\n{table(heads, rows)}")
    return "\n".join(parts)


def _row(op: type[Op], seen: Seen) -> tuple[str, ...]:
    notes = [
        word
        for word, holds in (("may wait", op.conditional), ("sleeps", op.sleeps), ("may fail", op.fallible))
        if holds
    ]
    text = f"`{seen.text}`" if seen.text else "(no scenario of the catalogue comes here)"
    results = ", ".join(sorted(filter(None, seen.results)))
    reads, writes = (", ".join(sorted(kinds)) for kinds in (seen.reads - seen.writes, seen.writes))
    return f"`{op.kind}`", text, reads, writes, results, ", ".join(notes)
