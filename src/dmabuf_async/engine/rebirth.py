"""Whether a child can be made anew, at another time, and be the one that its parent spawned.

A child that goes by its table is brought to where it stands by a coroutine that is made long after its parent's, and
the parent's is made anew too. That is the same child only if nothing that it was spawned with belongs to one coroutine
of its parent: its arguments are plain data and objects of the machine, and what its function closes over was there
before the parent began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import CellType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.engine.keeping import enclosed
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.machine import Machine
from dmabuf_async.ops import Errno
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.machine import Machine as AnyMachine

PLAIN: Final = (int, float, str, bytes, Errno, Machine, type(None))


def is_portable(machine: AnyMachine, parent: Actor, function: Callable[..., Any], arguments: Iterable[Any]) -> bool:
    """Whether ``function(*arguments)``, spawned by ``parent``, means the same in every coroutine of it."""
    if type(function) is not FunctionType or not all(_is_plain(machine, one) for one in arguments):
        return False
    cells = function.__closure__ or ()
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if not cells and all(_is_plain(machine, one) for one in defaults):
        return True
    there = list(_closed_over(parent.function, set()))
    return any(function is one for one in there) or (
        not defaults and all(any(cell is one for one in there) for cell in cells)
    )


def _is_plain(machine: AnyMachine, value: Any) -> bool:
    if isinstance(value, Thing):
        return isinstance(value, Actor) or machine.has(value)
    if isinstance(value, tuple | frozenset):
        return all(_is_plain(machine, one) for one in value)
    return isinstance(value, PLAIN)


def _closed_over(function: Any, seen: set[int]) -> Iterator[CellType | FunctionType]:
    """The cells that a function closes over, the functions in them, and what these close over."""
    if type(function) is not FunctionType or id(function) in seen:
        return
    seen.add(id(function))
    yield function
    for cell, content in zip(function.__closure__ or (), enclosed(function), strict=True):
        yield cell
        yield from _closed_over(content, seen)
