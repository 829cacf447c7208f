"""The op: one atomic, visible action with a footprint (DESIGN 2).

Actors ``await`` ops and do nothing else that another actor could see. An op is
a small object that lies beside the object it acts on; it says when it is
enabled, what may become of it, what it does, and what it touches. What it
touches includes what a checker reads in order to judge it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from dmabuf_async.errors import KernelError
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor

CALM = 0
"""The outcome that is not a fault; option 0 of every choice is the calm one."""

WAKES, PARKS, COMMON, CONDITIONAL, STRUCTURAL, FALLIBLE = 1, 2, 4, 8, 16, 32
"""What the core has to do about an op beside performing it: the bits of ``Op.needs``."""


class Footprint(NamedTuple):
    """The objects that a step reads, and those that it writes."""

    reads: frozenset[Thing]
    writes: frozenset[Thing]


def conflicts(a: Footprint, b: Footprint) -> bool:
    """Whether two steps share an object that one of them writes.

    Two enabled steps of different actors that don't conflict commute, and
    neither enables or disables the other.
    """
    return not a.writes.isdisjoint(b.writes) or not a.writes.isdisjoint(b.reads) or not a.reads.isdisjoint(b.writes)


class Op:
    """Base of all ops. An instance may be awaited any number of times, by any actor."""

    __slots__ = ()

    kind: ClassVar[str] = "op"
    """One word, as reports and schedules show it."""
    parks: ClassVar[bool] = False
    """The core has to look at it when it is announced: it may be disabled, or may sleep."""
    conditional: ClassVar[bool] = False
    """It may be disabled; then ``thing`` is the object whose changes decide."""
    common: ClassVar[bool] = False
    """It is conditional, and all who are parked on ``thing`` stand before this very op: enabled for all or none."""
    wakes: ClassVar[bool] = False
    """It may enable or disable others: those that are parked on ``thing``."""
    sleeps: ClassVar[bool] = False
    """Calling it in atomic context is a finding, whether or not it would wait."""
    fallible: ClassVar[bool] = False
    """It may have more than one outcome."""
    every: ClassVar[bool] = False
    """While it is disabled, all of its ``blockers`` must act, and not just one of them."""
    owed: ClassVar[str] = "which {} would have to give"
    """What its blockers have to do with it, in words."""
    booked: ClassVar[bool] = False
    """Something in ``thing`` waits for its actor, which :meth:`abandon` takes back."""
    structural: ClassVar[bool] = False
    """It also changes the tree of actors, or who may run on a CPU: the core calls ``commit`` after ``apply``."""
    alike: ClassVar[bool] = False
    """Checkers remember the same after it, in whatever state the things are that it touches."""
    needs: ClassVar[int] = 0
    """All of these in one number, which is all that the core reads for most ops."""

    thing: Thing

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        special = (
            COMMON * cls.common | CONDITIONAL * cls.conditional | STRUCTURAL * cls.structural | FALLIBLE * cls.fallible
        )
        cls.needs = WAKES * cls.wakes | PARKS * bool(cls.parks or special) | special

    def __await__(self) -> Generator[Op, Any, Any]:
        return (yield self)

    def enabled(self, actor: Actor) -> bool:
        """Whether it can be performed now, without a fault. Pure."""
        return True

    def outcomes(self, actor: Actor) -> tuple[str, ...]:
        """What may become of it now: ``("",)`` is calm only; then names of faults. Pure."""
        return ("",)

    def apply(self, actor: Actor, outcome: int) -> Any:
        """Perform it: change the machine and return the result. Never raises, marks misuse."""
        raise NotImplementedError

    def abandon(self, actor: Actor) -> None:
        """Whoever has cancelled ``actor`` lets ``thing`` know that it will not perform this."""

    def commit(self, actor: Actor) -> Any:
        """What a structural op does to actors beside; the result of the op, if it isn't None."""

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        """What it, and the checkers that judge it, may read and it does not write."""
        return ()

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        """What it may write, or read and write."""
        return ()

    def steady(self, actor: Actor) -> bool:
        """Whether it touches the same, and asks for nothing but its own ``thing``, whatever state the machine is in.

        Then what it touches need not be asked again. ``actor`` is asked for what it holds.
        """
        return False

    def describe(self) -> str:
        """The op in words: ``lock fb.lock``."""
        return f"{self.kind} {self.thing.name}"

    def worded(self, result: Any) -> str:
        """A result in words, the same on every engine and in every process; empty if it isn't worth a word."""
        return shown(result)

    def blockers(self, actor: Actor) -> tuple[Actor, ...] | None:
        """While it is disabled: the actors of which one (:attr:`every`: all) must act; None if it could be anybody."""
        return None

    def footprint(self, actor: Actor) -> Footprint:
        """All that the step touches when ``actor`` performs it in the present state.

        An actor on a CPU reads whether that CPU is in atomic context, and whether a
        group that it belongs to was cancelled; whoever is judged by a property of the
        scenario reads what that does.
        """
        writes = frozenset(self.writes(actor))
        reads = frozenset((*self.reads(actor), *actor.context)) - writes
        footprint = Footprint(reads, writes)
        return footprint if actor.judged is None else actor.judged.widened(footprint)


class FallibleOp(Op):
    """An op whose result may be an :class:`Errno`: awaiting it raises KernelError then."""

    __slots__ = ()
    fallible = True

    def __await__(self) -> Generator[Op, Any, Any]:
        result = yield self
        if result.__class__ is Errno:
            raise KernelError(result.name)
        return result


class Errno:
    """The result of an op that failed: a symbolic name, one object a name."""

    __slots__ = ("key", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = sum(ord(letter) << (7 * at) for at, letter in enumerate(name))

    def __repr__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return self.key


ENOMEM = Errno("ENOMEM")
EINTR = Errno("EINTR")
EINVAL = Errno("EINVAL")
EBUSY = Errno("EBUSY")
ENOSPC = Errno("ENOSPC")
EACCES = Errno("EACCES")


class Settle(Op):
    """Not a step: tells the core that ``value`` now describes the actor in full (DESIGN 2, State)."""

    __slots__ = ("site", "value")
    kind = "settle"
    parks = True

    def __init__(self, value: object, site: str) -> None:
        self.value = value
        self.site = site


def settle(value: object, site: str = "") -> Settle:
    """Declare that the plain value ``value`` describes this actor in full; ``await`` it.

    Histories never repeat; settled values do, so that loops close and states meet.
    It is not a preemption point. ``value`` must be hashable and made of plain data;
    in audit mode, equal values must have equal coroutine frames. ``site`` names the
    place in the program for reports.
    """
    return Settle(value, site)


def shown(result: Any) -> str:
    """A result by its name or as Python writes it; empty for None."""
    if result is None:
        return ""
    return result.name if isinstance(result, Thing | Errno) else told(result)


def waits(op: str) -> str:
    """What is said of whoever cannot go on from before an op, in words: ``waits to lock m``, ``waits for n == 1``."""
    return f"waits for {op.removeprefix('wait ')}" if op.startswith("wait ") else f"waits to {op}"


LONG = 10**40
"""Integers from here on are told by the number of their digits; Python refuses to write out 4,301 of them."""


def told(value: object) -> str:
    """A value of a program as Python writes it, short and the same in every process. Never raises.

    Long integers are not written out, sets are sorted, and addresses are left out.
    """
    kind = value.__class__
    if isinstance(value, int) and not -LONG < value < LONG:
        return f"{'an' if value > 0 else 'a negative'} integer of {_digits(value):,} digits"
    if isinstance(value, tuple) and kind is tuple:
        return f"({', '.join(map(told, value))}{',' * (len(value) == 1)})"
    if isinstance(value, frozenset) and kind is frozenset:
        return f"frozenset({{{', '.join(sorted(map(told, value)))}}})" if value else "frozenset()"
    try:
        return repr(value) if isinstance(value, str) else _ADDRESS.sub("", repr(value))
    except Exception:  # noqa: BLE001 - it is somebody's class
        return f"a {kind.__name__}"


_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def _digits(value: int) -> int:
    below = int(math.log10(abs(value)))  # one too many just below a power of ten
    power: int = 10**below
    return below + (abs(value) >= power)
