"""Cells and counters: where exporters, importers and programs keep what they share.

Whatever two actors share lies in one of these, so that nothing races behind the
scheduler's back (DESIGN 2).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.ops import CALM, EINTR, FallibleOp, Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.sizes import Faults

RELATIONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Cell(Thing):
    """One shared variable that holds an immutable, hashable value."""

    __slots__ = ("_load", "alone", "faults", "stores", "value")
    STATE = ("value",)
    KIND = "cell"

    def __init__(self, name: str, value: Hashable, faults: Faults) -> None:
        super().__init__(name)
        self.value = value
        self.faults = faults
        self.alone = (self,)
        self._load = Load(self)
        self.stores: dict[Any, Store] = {}

    def load(self) -> Load:
        """Read it; the result is its value."""
        return self._load

    def store(self, value: Hashable) -> Store:
        """Write it."""
        # A program stores few different values, many times: True and 1 must not share an op.
        op = self.stores.get((value, value.__class__))
        if op is None:
            op = Store(self, value)
            if len(self.stores) < 64:
                self.stores[value, value.__class__] = op
        return op

    def exchange(self, value: Hashable) -> Exchange:
        """Write it and return what it held, in one op."""
        return Exchange(self, value)

    def compare_exchange(self, expected: Hashable, value: Hashable) -> CompareExchange:
        """Write it if it holds ``expected``; the result says whether it did."""
        return CompareExchange(self, expected, value)

    def add(self, amount: int) -> Add:
        """Add to it in one op; the result is the new value, as of ``atomic_add_return``."""
        return Add(self, amount)

    def wait(
        self, relation: str, value: Hashable, *, interruptible: bool = False, idle: bool = False
    ) -> Wait | InterruptibleWait:
        """Wait until ``value of the cell <relation> value``; the result is the cell's value.

        ``relation`` is one of ``== != < <= > >=``. An *interruptible* wait may
        fail with EINTR, at the environment's will or because its process was killed. An
        *idle* wait of a daemon is never part of a deadlock.
        """
        if relation not in RELATIONS:
            raise ValueError(f"relation must be one of {' '.join(RELATIONS)}, not {relation!r}")
        return (InterruptibleWait if interruptible else Wait)(self, relation, value, idle)


class Counter(Cell):
    """A cell that holds a number; only its atomic ops are meant to be used."""

    __slots__ = ()
    KIND = "counter"


class Load(Op):
    __slots__ = ("thing",)
    kind = "load"
    thing: Cell

    def __init__(self, cell: Cell) -> None:
        self.thing = cell

    def apply(self, actor: Actor, outcome: int) -> Any:
        return self.thing.value

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.alone


class _Write(Op):
    __slots__ = ("thing", "value")
    wakes = True
    thing: Cell

    def __init__(self, cell: Cell, value: Any) -> None:
        self.thing = cell
        self.value = value

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.alone

    def describe(self) -> str:
        return f"{self.kind} {self.thing.name} {self.value!r}"


class Store(_Write):
    __slots__ = ()
    kind = "store"

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.value = self.value


class Exchange(_Write):
    __slots__ = ()
    kind = "exchange"

    def apply(self, actor: Actor, outcome: int) -> Any:
        old = self.thing.value
        self.thing.value = self.value
        return old


class Add(_Write):
    __slots__ = ()
    kind = "add"

    def apply(self, actor: Actor, outcome: int) -> Any:
        self.thing.value = new = self.thing.value + self.value
        return new


class CompareExchange(_Write):
    __slots__ = ("expected",)
    kind = "cmpxchg"

    def __init__(self, cell: Cell, expected: Any, value: Any) -> None:
        super().__init__(cell, value)
        self.expected = expected

    def apply(self, actor: Actor, outcome: int) -> bool:
        if self.thing.value == self.expected:
            self.thing.value = self.value
            return True
        return False

    def describe(self) -> str:
        return f"{self.kind} {self.thing.name} {self.expected!r} to {self.value!r}"


class _Condition(Op):
    """``wait(cell, relation, value)``, with the condition as data."""

    __slots__ = ("compare", "idle", "relation", "thing", "value")
    thing: Cell

    def __init__(self, cell: Cell, relation: str, value: Any, idle: bool) -> None:
        self.thing = cell
        self.relation = relation
        self.compare = RELATIONS[relation]
        self.value = value
        self.idle = idle

    def describe(self) -> str:
        return f"wait {self.thing.name} {self.relation} {self.value!r}"


class Wait(_Condition):
    __slots__ = ()
    kind = "wait"
    parks = conditional = sleeps = True

    def enabled(self, actor: Actor) -> bool:
        return self.compare(self.thing.value, self.value)

    def apply(self, actor: Actor, outcome: int) -> Any:
        return self.thing.value

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.alone


class InterruptibleWait(FallibleOp, _Condition):
    """The same, but it may be interrupted; a kill interrupts it."""

    __slots__ = ()
    kind = "wait"
    parks = conditional = sleeps = True

    def enabled(self, actor: Actor) -> bool:
        return actor.killed or self.compare(self.thing.value, self.value)

    def outcomes(self, actor: Actor) -> tuple[str, ...]:
        return ("", "EINTR") if self.thing.faults.eintr else ("",)

    def apply(self, actor: Actor, outcome: int) -> Any:
        if outcome != CALM:
            self.thing.faults.eintr -= 1
            return EINTR
        if self.compare(self.thing.value, self.value):
            return self.thing.value
        return EINTR

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, actor, self.thing.faults)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.faults,) if self.thing.faults.eintr else ()
