"""What performing a step needs: the objects that it names, and the importer that it is performed by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import singledispatch
from typing import Any, NamedTuple, TypeAlias

from dmabuf_async.drivers.importer import Importer
from dmabuf_async.errors import KernelError
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.cpu import Cpu
from dmabuf_async.machine.device import Device
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.rwsem import RwSem
from dmabuf_async.machine.spinlock import Spinlock
from dmabuf_async.machine.storage import Buffer
from dmabuf_async.scenario.fields import OnError
from dmabuf_async.scenario.verbs.base import Verb

Act: TypeAlias = Callable[[Importer], Awaitable[Any]]
"""Begins a step of a task, which holds what its importer holds."""


class Objects(NamedTuple):
    """What the steps of a scenario name, on one machine."""

    machine: Machine
    buffers: Mapping[str, Buffer]
    cells: Mapping[str, Cell]
    mutexes: Mapping[str, Mutex]
    devices: Mapping[str, Device]
    spinlocks: Mapping[str, Spinlock]
    rwsems: Mapping[str, RwSem]
    cpu: Cpu
    """Where the task stands."""


def verb_of(step: Verb) -> str:
    """What a step does, in one word."""
    return str(step.__struct_config__.tag)


@singledispatch
def act(step: Verb, on: Objects) -> Act:
    """How a task performs ``step`` with the objects it names."""
    raise NotImplementedError(f"no task can perform {verb_of(step)}")


def or_error(on_error: OnError, begin: Act) -> Act:
    """The same step, which fails or goes on as ``on_error`` says."""

    async def ignoring(importer: Importer) -> None:
        with suppress(KernelError):
            await begin(importer)

    return ignoring if on_error == "ignore" else begin
