"""What all coroutines of a task have in common beside the machine: what its function closes over, and its module.

A coroutine that changes one of them leaves that to the next, which is made to learn what the task does when it is given
other results. So whoever does that has no table, and is given a machine of its own in each execution.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, Final

from dmabuf_async.ops import Errno
from dmabuf_async.thing import Thing

PLAIN: Final = frozenset({int, float, complex, bool, str, bytes, Errno, type(None)})

LIMIT: Final = 2_000
"""Values that are looked at; of the rest nothing is known."""


def kept(function: Any, arguments: Any) -> list[Any]:
    """All that can be reached from there, which is equal for as long as nobody changes any of it.

    What is ours ends the way: its state lies in the machine. So do classes and modules; of the module of a function
    only what it names is looked at.
    """
    found: list[Any] = []
    seen: set[int] = set()
    values = [function, arguments]
    for value in values:
        kind = value.__class__
        if kind in PLAIN:
            found.append((kind, value))
            continue
        found.append(kind)
        if id(value) in seen or len(seen) == LIMIT:
            continue
        seen.add(id(value))
        if isinstance(value, Iterator):
            found.append(object())  # whoever asks it changes it, and that is not to be seen
        inner = _inside(value)
        found.append(len(inner) or id(value))
        values += inner
    return found


def _inside(value: Any) -> list[Any]:
    """What a value holds."""
    if isinstance(value, list | tuple | set | frozenset | deque):
        return list(value)
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    is_function = isinstance(value, FunctionType)
    if isinstance(value, type | ModuleType | Thing) or is_ours(value if is_function else value.__class__):
        return []
    if is_function:
        return [value.__defaults__, value.__kwdefaults__, *enclosed(value), *_named(value)]
    slots = (name for cls in value.__class__.__mro__ for name in getattr(cls, "__slots__", ()))
    return [getattr(value, "__dict__", None), *(getattr(value, name, None) for name in slots)]


def is_ours(defined: Any) -> bool:
    """Whether a class or a function is of this package."""
    return str(defined.__module__).partition(".")[0] == __name__.partition(".")[0]


def enclosed(function: Any) -> list[Any]:
    """What a function closes over, cell by cell; None where one is still empty."""
    found = []
    for cell in getattr(function, "__closure__", None) or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:
            found.append(None)
    return found


def _named(function: FunctionType) -> list[Any]:
    """What its code finds by names of its module."""
    codes = [function.__code__]
    for code in codes:
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    names = dict.fromkeys(name for code in codes for name in code.co_names)
    return [function.__globals__[name] for name in names if name in function.__globals__]
