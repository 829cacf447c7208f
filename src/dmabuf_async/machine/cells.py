"""Cells and counters: where exporters, importers and programs keep what they share.

Whatever two actors share lies in one of these, so that nothing races behind the
scheduler's back (DESIGN 2).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.values import RELATIONS, kept
from dmabuf_async.ops import CALM, EINTR, FallibleOp, Op, told
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine


class Cell(Thing):
    """One shared variable that holds an immutable, hashable value.

    Plain accesses, ``load`` and ``store``, can race (``data-race``); all others are *ordered*: edges of
    synchronisation order, which never race with one another. What is remembered for that are the events of
    accesses that no later one is known to come after: at most one of a kind for each actor.
    """

    __slots__ = (
        "_load", "_load_acquire", "alone", "events", "faults", "loaded", "marks", "ordered_loaded", "ordered_stored",
        "seen", "signal", "stored", "stores", "value",
    )  # fmt: skip
    STATE = ("value",)
    MEMORY = ("past", "signal", "seen", "loaded", "stored", "ordered_loaded", "ordered_stored")
    SYNCHRONISES = True
    KIND = "cell"

    def __init__(self, name: str, value: Hashable, machine: Machine) -> None:
        super().__init__(name)
        self.value: Any = value if value.__class__ is int else kept(name, value)
        self.faults = machine.faults
        self.marks = machine.marks
        self.events = machine.events
        self.signal = 0  # what comes before whoever waits for a value of it: all that was done before any store
        self.loaded = self.stored = 0  # bits of plain accesses
        self.ordered_loaded = self.ordered_stored = 0  # and of ordered ones
        self.seen = 0  # all of these together
        self.alone = (self,)
        self._load: Op = Load(self)
        self._load_acquire = LoadAcquire(self)
        self.stores: dict[Any, Store] = {}

    def recall(self, memory: Any) -> None:
        (
            self.past, self.signal, self.seen, self.loaded, self.stored, self.ordered_loaded, self.ordered_stored,
        ) = memory  # fmt: skip

    def load(self) -> Op:
        """Read it; the result is its value. A plain access."""
        return self._load

    def store(self, value: Hashable) -> Op:
        """Write it. A plain access."""
        # A program stores few different values, many times: True and 1 must not share an op.
        op = self.stores.get((value, value.__class__))
        if op is None:
            op = Store(self, value)
            if len(self.stores) < 64:
                self.stores[value, value.__class__] = op
        return op

    def load_acquire(self) -> LoadAcquire:
        """Read it, and come after the ``store_release`` whose value it is."""
        return self._load_acquire

    def store_release(self, value: Hashable) -> StoreRelease:
        """Write it, and let all that was done so far come before whoever reads that by ``load_acquire`` or ``wait``."""
        return StoreRelease(self, value)

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

        It comes after all stores of the cell so far, plain ones too: one of them was the signal.
        ``relation`` is one of ``== != < <= > >=``. An *interruptible* wait may
        fail with EINTR, at the environment's will or because its process was killed. An
        *idle* wait of a daemon is never part of a deadlock.
        """
        if relation not in RELATIONS:
            raise ValueError(f"relation must be one of {' '.join(RELATIONS)}, not {relation!r}")
        return (InterruptibleWait if interruptible else Wait)(self, relation, value, idle)

    def race(self, actor: Actor, does: str, loads: int, stores: int) -> None:
        """These accesses, if any, are not known to come before what ``actor`` does to it now."""
        bits = loads | stores
        if bits:
            other = self.events.latest(bits)
            did = "stored to" if stores >> bits.bit_length() - 1 & 1 else "loaded"
            detail = f"{does} {self.name}, which {other.name} has {did}, and nothing orders the two"
            self.marks.add("data-race", actor, self, detail)

    def acquired(self, actor: Actor, past: int) -> None:
        """An ordered load by ``actor``, which comes after ``past``."""
        actor.past |= past
        bit = actor.epoch or self.events.epoch(actor)
        unknown = ~actor.past
        if self.seen & unknown:
            self.race(actor, "loads, in order,", 0, self.stored & unknown)
        self.ordered_loaded = self.ordered_loaded & unknown | bit
        self.seen |= bit

    def released(self, actor: Actor, past: int) -> None:
        """An ordered store by ``actor``; ``past``: what it passes on of earlier ones."""
        bit = actor.epoch or self.events.epoch(actor)
        before = actor.past
        if self.seen & ~before:
            self.race(actor, "stores, in order, to", self.loaded & ~before, self.stored & ~before)
        # Plain accesses stay, though this comes after them: it does not race with the next ordered one, and they may.
        self.ordered_loaded &= ~before
        self.ordered_stored = self.ordered_stored & ~before | bit
        self.seen = self.loaded | self.stored | self.ordered_loaded | self.ordered_stored
        self.past = past | before
        self.signal |= before
        actor.epoch = 0

    def exchanged(self, actor: Actor) -> None:
        """An atomic read and write."""
        self.acquired(actor, self.past)
        self.released(actor, self.past)


class Counter(Cell):
    """A cell that holds a number, with atomic ops: every access is ordered, and none is remembered."""

    __slots__ = ()
    KIND = "counter"

    def __init__(self, name: str, value: int, machine: Machine) -> None:
        super().__init__(name, value, machine)
        self._load = CounterLoad(self)

    def store(self, value: Hashable) -> Op:
        """Write it: an ordered access."""
        return CounterStore(self, value)

    def acquired(self, actor: Actor, past: int) -> None:
        """An ordered load by ``actor``."""
        actor.past |= self.past

    def released(self, actor: Actor, past: int) -> None:
        """An ordered store by ``actor``."""
        self.past |= actor.past
        actor.epoch = 0

    def exchanged(self, actor: Actor) -> None:
        """An atomic read and write."""
        self.past = actor.past = actor.past | self.past
        actor.epoch = 0


class Load(Op):
    __slots__ = ("thing",)
    kind = "load"
    alike = True
    thing: Cell

    def __init__(self, cell: Cell) -> None:
        self.thing = cell

    def apply(self, actor: Actor, outcome: int) -> Any:
        cell = self.thing
        if cell.marks.wanted and not cell.loaded & actor.epoch:  # else nobody has stored since
            bit = actor.epoch or cell.events.epoch(actor)
            unknown = ~actor.past
            if cell.seen & unknown:
                cell.race(actor, "loads", 0, (cell.stored | cell.ordered_stored) & unknown)
            cell.loaded = cell.loaded & unknown | bit
            cell.seen |= bit
        return cell.value

    def steady(self, actor: Actor) -> bool:
        return True

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.alone


class LoadAcquire(Load):
    __slots__ = ()
    kind = "load_acquire"

    def apply(self, actor: Actor, outcome: int) -> Any:
        cell = self.thing
        cell.acquired(actor, cell.past)
        return cell.value


class CounterLoad(LoadAcquire):
    __slots__ = ()
    kind = "load"


class _Write(Op):
    __slots__ = ("thing", "value")
    wakes = True
    alike = True
    thing: Cell

    def __init__(self, cell: Cell, value: Any) -> None:
        self.thing = cell
        self.value = value if value.__class__ is int else kept(cell.name, value)

    def steady(self, actor: Actor) -> bool:
        return True

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.alone

    def describe(self) -> str:
        return f"{self.kind} {self.thing.name} {told(self.value)}"


class Store(_Write):
    __slots__ = ()
    kind = "store"

    def apply(self, actor: Actor, outcome: int) -> None:
        cell = self.thing
        cell.value = self.value
        if cell.marks.wanted:
            bit = actor.epoch or cell.events.epoch(actor)
            before = actor.past
            if cell.seen & ~before:
                loads, stores = cell.loaded | cell.ordered_loaded, cell.stored | cell.ordered_stored
                cell.race(actor, "stores to", loads & ~before, stores & ~before)
            cell.seen = cell.stored = bit
            cell.loaded = cell.ordered_loaded = cell.ordered_stored = cell.past = actor.epoch = 0
            cell.signal = before  # with what came before earlier stores, or it would be a race


class StoreRelease(_Write):
    __slots__ = ()
    kind = "store_release"

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.released(actor, 0)
        self.thing.value = self.value


class CounterStore(StoreRelease):
    __slots__ = ()
    kind = "store"


class Exchange(_Write):
    __slots__ = ()
    kind = "exchange"

    def apply(self, actor: Actor, outcome: int) -> Any:
        cell = self.thing
        cell.exchanged(actor)
        old = cell.value
        cell.value = self.value
        return old


class Add(_Write):
    __slots__ = ()
    kind = "add"

    def apply(self, actor: Actor, outcome: int) -> Any:
        cell = self.thing
        cell.exchanged(actor)
        try:
            cell.value = new = cell.value + self.value
        except TypeError:
            raise ScenarioError(
                f"{actor.name} adds {told(self.value)} to {cell.name}, which holds {told(cell.value)}: "
                "add takes numbers"
            ) from None
        return new


class CompareExchange(_Write):
    """An atomic op whether or not it succeeds."""

    __slots__ = ("expected",)
    kind = "cmpxchg"

    def __init__(self, cell: Cell, expected: Any, value: Any) -> None:
        super().__init__(cell, value)
        self.expected = expected

    def apply(self, actor: Actor, outcome: int) -> bool:
        self.thing.exchanged(actor)
        if self.thing.value == self.expected:
            self.thing.value = self.value
            return True
        return False

    def describe(self) -> str:
        return f"{self.kind} {self.thing.name} {told(self.expected)} to {told(self.value)}"


class _Condition(Op):
    """``wait(cell, relation, value)``, with the condition as data."""

    __slots__ = ("compare", "idle", "relation", "thing", "value")
    alike = True
    thing: Cell

    def __init__(self, cell: Cell, relation: str, value: Any, idle: bool) -> None:
        self.thing = cell
        self.relation = relation
        self.compare = RELATIONS[relation]
        self.value = value
        self.idle = idle

    def holds(self, actor: Actor) -> bool:
        """Whether the condition holds."""
        try:
            return self.compare(self.thing.value, self.value)
        except TypeError:
            raise ScenarioError(
                f"{actor.name} waits until {self.thing.name} {self.relation} {told(self.value)}, and it holds "
                f"{told(self.thing.value)}: values of these kinds have no order"
            ) from None

    def found(self, actor: Actor) -> Any:
        """The condition holds: the value that makes it."""
        cell = self.thing
        cell.acquired(actor, cell.past | cell.signal)
        return cell.value

    def describe(self) -> str:
        return f"wait {self.thing.name} {self.relation} {told(self.value)}"


class Wait(_Condition):
    __slots__ = ()
    kind = "wait"
    parks = conditional = sleeps = True

    enabled = _Condition.holds

    def apply(self, actor: Actor, outcome: int) -> Any:
        return self.found(actor)

    def steady(self, actor: Actor) -> bool:
        return True

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.alone


class InterruptibleWait(FallibleOp, _Condition):
    """The same, but it may be interrupted; a kill interrupts it."""

    __slots__ = ()
    kind = "wait"
    parks = conditional = sleeps = True

    def enabled(self, actor: Actor) -> bool:
        return actor.killed or self.holds(actor)

    def outcomes(self, actor: Actor) -> tuple[str, ...]:
        return ("", "EINTR") if self.thing.faults.eintr else ("",)

    def apply(self, actor: Actor, outcome: int) -> Any:
        if outcome != CALM:
            self.thing.faults.eintr -= 1
            return EINTR
        if self.holds(actor):
            return self.found(actor)
        return EINTR

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, actor, self.thing.faults)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.faults,) if self.thing.faults.eintr else ()
