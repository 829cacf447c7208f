"""Whether nothing but results decides what the tasks of a Python program do, by what their code is made of.

Then one machine serves for all executions, and its tasks go by tables, as those of a scenario file do. A closure may
hold anything, so only what is plainly harmless is taken for it: functions that read constants, objects of the machine
and one another, make ops of these, and store nowhere but in their own variables. All else is made anew each time.
"""

from __future__ import annotations

import dis
from types import CodeType, FunctionType
from typing import Any, Final

from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import Errno, Op
from dmabuf_async.thing import Thing

PLAIN: Final = (int, float, str, bytes, Errno, type(None))

SHARED: Final = (list, dict)
"""What somebody else may change."""

MAKERS: Final = frozenset({
    "add", "cancel", "clock", "compare_exchange", "down_read", "down_read_trylock", "down_write",
    "down_write_trylock", "exchange", "join", "load", "load_acquire", "lock", "lock_irqsave", "name", "sleep",
    "spawn", "store", "store_release", "try_lock", "unlock", "unlock_irqrestore", "up_read", "up_write", "wait",
})  # fmt: skip
"""Attributes that make ops, or never change. To look at any other is to look past the ops, or at who knows what."""

PURE: Final = frozenset({
    "AssertionError", "Exception", "RuntimeError", "ValueError", "abs", "all", "any", "bool", "divmod", "enumerate",
    "int", "len", "max", "min", "range", "reversed", "sorted", "str", "sum", "tuple", "zip",
})  # fmt: skip
"""Builtins that give the same for the same."""

STORES: Final = frozenset({
    "DELETE_ATTR", "DELETE_DEREF", "DELETE_GLOBAL", "DELETE_SUBSCR", "IMPORT_FROM", "IMPORT_NAME",
    "LOAD_BUILD_CLASS", "LOAD_FROM_DICT_OR_DEREF", "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_NAME", "STORE_ATTR",
    "STORE_GLOBAL", "STORE_SLICE", "STORE_SUBSCR",
})  # fmt: skip
"""Instructions that change what may outlive a task, or bring in what nobody has looked at."""


def contents(machine: Machine) -> object:
    """All that the tasks of a sealed machine are made of, to compare with another's; None if it may not be all."""
    try:
        tasks = [
            (actor.daemon, *(_value(machine, one, set()) for one in (actor.function, *actor.arguments)))
            for actor in machine.actors
        ]
    except _Open:
        return None
    return tasks, [(thing.key, thing.initial) for thing in machine.everything()]


class _Open(Exception):
    """Something else may decide what a task does."""


def _value(machine: Machine, value: Any, seen: set[int]) -> object:
    if isinstance(value, PLAIN):
        return value.__class__, value
    if isinstance(value, Thing) and machine.has(value):
        return value.KIND, value.name
    if value is machine:
        return Machine
    if type(value) is dict:
        return [(_value(machine, key, seen), _within(machine, one, seen)) for key, one in value.items()]
    if isinstance(value, tuple | list):
        return value.__class__, [_within(machine, one, seen) for one in value]
    if isinstance(value, Op) and hasattr(value, "thing"):
        return value.__class__, value.describe(), _value(machine, value.thing, seen)
    if type(value) is FunctionType:
        return _function(machine, value, seen)
    raise _Open


def _within(machine: Machine, value: Any, seen: set[int]) -> object:
    if isinstance(value, SHARED):  # by another name it could be changed in place
        raise _Open
    return _value(machine, value, seen)


def _function(machine: Machine, function: FunctionType, seen: set[int]) -> object:
    code = function.__code__
    ours = str(function.__module__).partition(".")[0] == __name__.partition(".")[0]
    if ours and not function.__closure__:
        return code
    if id(function) in seen:  # it calls itself
        return code
    seen.add(id(function))
    if function.__dict__:
        raise _Open
    given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if any(isinstance(one, SHARED) for one in given):  # there is one of it for all calls
        raise _Open
    try:
        closed = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a cell is empty
        raise _Open from None
    named = [one for name in _names(code, code.co_freevars) for one in _global(function, name)]
    if any(isinstance(one, SHARED) for one in named):  # whoever else has it may change it
        raise _Open
    return code, [_value(machine, one, seen) for one in (*given, *closed, *named)]


def _global(function: FunctionType, name: str) -> list[Any]:
    """What a function finds by a name that is not its own; nothing where all find the same."""
    if name in function.__globals__:
        value = function.__globals__[name]
        ours = isinstance(value, type) and value.__module__.partition(".")[0] == __name__.partition(".")[0]
        return [] if ours else [value]
    if name in PURE:
        return []
    raise _Open


def _names(code: CodeType, free: tuple[str, ...]) -> list[str]:
    """The global names that the code asks for. ``free``: the variables that it shares with what it was made in."""
    names: list[str] = []
    for step in dis.get_instructions(code):
        kind, argument = step.opname, step.argval
        if kind in STORES or (kind == "STORE_DEREF" and argument in free):
            raise _Open
        if kind.startswith(("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER")) and argument not in MAKERS:
            raise _Open
        if kind == "LOAD_GLOBAL":
            names.append(argument)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += _names(constant, constant.co_freevars)
    return names
