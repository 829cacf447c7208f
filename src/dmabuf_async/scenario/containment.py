"""Whether nothing but results decides what the tasks of a Python program do, by what their code is made of.

Then one machine serves for all executions, and its tasks go by tables, as those of a scenario file do. A closure may
hold anything, so only what is plainly harmless is taken for it: functions that read constants, objects of the machine
and one another, make ops of these, and store nowhere but in their own variables. All else is made anew each time.
"""

from __future__ import annotations

import dis
from types import CodeType, FunctionType
from typing import Any, Final

from dmabuf_async.engine.keeping import is_ours
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

VARARGS, VARKEYWORDS = 0x04, 0x08
"""Flags of code that takes all the rest of its arguments: those of ``inspect``."""

IN_PLACE: Final = frozenset({"+=", "*=", "|="})
"""Operators that change a list or a dict which they are given."""


def contents(machine: Machine) -> object:
    """All that the tasks of a sealed machine are made of, to compare with another's; None if it may not be all."""
    look = _Look(machine)
    try:
        tasks = [
            (actor.daemon, *(_value(look, one) for one in (actor.function, *actor.arguments)))
            for actor in machine.actors
        ]
    except _Open:
        return None
    if look.shared and look.grows:
        return None
    return tasks, [(thing.key, thing.initial) for thing in machine.everything()]


class _Open(Exception):
    """Something else may decide what a task does."""


class _Look:
    """What has been seen of the tasks of one machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.functions: set[int] = set()
        self.shared = False  # there is a list or a dict which outlives a task
        self.grows = False  # and an operator that may change one


def _value(look: _Look, value: Any) -> object:
    if isinstance(value, PLAIN):
        return value.__class__, value
    if isinstance(value, Thing) and look.machine.has(value):
        return value.KIND, value.name
    if value is look.machine:
        return Machine
    look.shared |= isinstance(value, SHARED)
    if type(value) is dict:
        return [(_value(look, key), _within(look, one)) for key, one in value.items()]
    if isinstance(value, tuple | list):
        return value.__class__, [_within(look, one) for one in value]
    if isinstance(value, Op) and hasattr(value, "thing"):
        return value.__class__, value.describe(), _value(look, value.thing)
    if type(value) is FunctionType:
        return _function(look, value)
    raise _Open


def _within(look: _Look, value: Any) -> object:
    if isinstance(value, SHARED):  # by another name it could be changed in place
        raise _Open
    return _value(look, value)


def _function(look: _Look, function: FunctionType) -> object:
    code = function.__code__
    if is_ours(function) and not function.__closure__:
        return code
    if id(function) in look.functions:  # it calls itself, or another task has it too
        return code
    look.functions.add(id(function))
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
    look.grows |= _grows(code)
    return code, [_value(look, one) for one in (*given, *closed, *named)]


def _global(function: FunctionType, name: str) -> list[Any]:
    """What a function finds by a name that is not its own; nothing where all find the same."""
    if name in function.__globals__:
        value = function.__globals__[name]
        return [] if isinstance(value, type) and is_ours(value) else [value]
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


def _grows(code: CodeType) -> bool:
    """Whether an operator may change a list or a dict that the code did not make.

    It makes none where it adds a number, or where its variable has had constants and results of operators only.
    """
    rest = (code.co_flags & VARARGS != 0) + (code.co_flags & VARKEYWORDS != 0)
    taken = code.co_argcount + code.co_kwonlyargcount + rest
    given, changed = set(code.co_varnames[:taken]), set[str]()
    operand = before = None
    for step in dis.get_instructions(code):
        if step.opname == "EXTENDED_ARG":
            continue
        if step.opname.startswith("STORE_FAST") or step.opname == "STORE_DEREF":
            assert before is not None
            names = [step.argval] if isinstance(step.argval, str) else list(step.argval)
            if step.opname.startswith("STORE_FAST_LOAD"):
                names.pop()
            if before.opname == "BINARY_OP":
                assert operand is not None
                number = operand.opname == "LOAD_CONST" and isinstance(operand.argval, int | float)
                if before.argrepr in IN_PLACE and (before.argrepr == "*=" or not number):
                    changed.add(names[0])
                names.pop(0)
            elif before.opname == "LOAD_CONST":
                names.pop(0)
            given.update(names)
        operand, before = before, step
    inner = (constant for constant in code.co_consts if isinstance(constant, CodeType))
    return not changed.isdisjoint(given) or any(map(_grows, inner))
