"""Structured concurrency: groups, and how actors end (DESIGN 2, Structure).

The tree of actors belongs to the core; the ops here ask it for changes. The
first failure in a group cancels its siblings and the body of its owner: each gets
``Cancelled`` thrown at the op that it stands before, which is then not performed,
in an order the strategy chooses.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from operator import attrgetter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dmabuf_async.errors import Cancelled, Killed, RunOver
from dmabuf_async.ops import Op, shown
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from typing import Self

    from dmabuf_async.machine.actor import Actor


class Group(Thing):
    """A nursery: ``async with Group() as group: await group.spawn(work, 1)``.

    The block ends when all children have ended. What children or the body raised
    comes out as an ExceptionGroup; ``Cancelled`` of a group that cancelled itself does
    not come out. Whoever was thrown ``Cancelled`` is not thrown another on its way out: the ops of
    its clean-up are performed. ``Killed`` and interrupts of the body come out as they are.
    """

    __slots__ = ("cancelled", "children", "failures", "original", "owner", "told")
    STATE = ("cancelled",)
    KIND = "group"

    def __init__(self) -> None:
        super().__init__("group")  # the true name comes with the owner
        self.cancelled = False
        self.initial = False
        self.owner: Actor | None = None
        self.children: list[Actor] = []
        self.failures: list[Exception] = []
        self.told = False  # its cancellation has been delivered; nobody gets it twice
        self.original: Group | None = None  # the one that the table of its owner has in its place

    def stand_for(self, original: Group) -> None:
        """It was made by another coroutine of the actor that made ``original``, and all that happens to that shows."""
        self.original = original
        self.children, self.failures = original.children, original.failures

    def reset(self) -> None:
        """Back to when nothing had happened to it."""
        self.owner = None
        self.cancelled = self.told = False
        self.children.clear()
        self.failures.clear()
        self.pending.clear()
        self.fingerprint = self.past = 0

    async def spawn(self, function: Callable[..., Any], *arguments: Any, name: str = "") -> Actor:
        """Start ``await function(*arguments)`` as a child on the same CPU and return it.

        Raises RuntimeError if the block is not entered yet, or has been left: nobody would wait for the child.
        """
        child: Actor | None = await Spawn(self, function, arguments, name)
        if child is None:
            raise RuntimeError("the group is not open: spawn inside its `async with` block, or what ends it first")
        return child

    async def join(self) -> None:
        """Wait until all children have ended."""
        await Join(self)

    async def cancel(self) -> None:
        """Cancel all children that have not ended. The caller goes on."""
        await Cancel(self)

    async def __aenter__(self) -> Self:
        await Open(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(error, RunOver):
            return False
        stops: bool | None = None
        while stops is None:  # or a stranger spawned one more after the join
            try:
                if error is not None:
                    await Cancel(self)
                await Join(self)
                stops = await Close(self)
            except Cancelled as cancelled:  # an outer group: it reaches the children through this one
                error = cancelled if error is None else error
        if error is not None and not isinstance(error, Exception | Cancelled):
            return False
        failures = list(self.failures)
        if isinstance(error, Exception):
            failures.append(error)
        if failures:
            raise ExceptionGroup("actors of a group failed", failures) from None
        if isinstance(error, Cancelled) and not stops:
            raise error  # it may have come when the body had been left
        return error is not None


class _GroupOp(Op):
    __slots__ = ("thing",)
    structural = parks = True
    thing: Group

    def __init__(self, group: Group) -> None:
        self.thing = group

    def apply(self, actor: Actor, outcome: int) -> Any:
        return None


class Open(_GroupOp):
    """The group now has an owner and a name; its cancellation reaches the owner's body."""

    __slots__ = ()
    kind = "open group"

    def commit(self, actor: Actor) -> None:
        group = self.thing
        group.owner = actor
        group.rename(f"{actor.name}.group{len(actor.groups)}")
        actor.groups = (*actor.groups, group)
        actor.rescope()

    def describe(self) -> str:
        return "open a group"


class Close(_GroupOp):
    """All children have ended, and the body too. The result is True if a ``Cancelled`` of this group stops here.

    None if there is a new child to wait for.
    """

    __slots__ = ()
    kind = "close group"

    def apply(self, actor: Actor, outcome: int) -> bool | None:
        group = self.thing
        if not all(child.ended for child in group.children):
            return None
        outer = actor.groups if actor.group is None else (actor.group, *actor.groups)
        stops = group.cancelled and not any(other.cancelled for other in outer if other is not group)
        group.cancelled = False  # nothing of it matters from here on
        return stops

    def commit(self, actor: Actor) -> None:
        group = self.thing
        if all(child.ended for child in group.children):
            group.owner = None
            actor.groups = tuple(other for other in actor.groups if other is not group)
            outer = actor.groups if actor.group is None else (actor.group, *actor.groups)
            actor.cancelled = actor.cancelled and any(other.cancelled for other in outer)  # it is still on its way out
            actor.rescope()

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return "close the group"

    def worded(self, result: Any) -> str:
        return shown(result or None)


class Spawn(_GroupOp):
    __slots__ = ("arguments", "function", "name")
    kind = "spawn"

    def __init__(self, group: Group, function: Callable[..., Any], arguments: Any, name: str) -> None:
        super().__init__(group)
        self.function = function
        self.arguments = arguments
        self.name = name

    def commit(self, actor: Actor) -> Any:
        run = actor.run
        assert run is not None
        if self.thing.owner is None:
            return None
        child = run.start(actor, self.name, self.thing, self.function, self.arguments)
        insort(self.thing.children, child, key=attrgetter("path"))  # members may spawn at the same time
        if self.thing.cancelled:
            run.deliver(child, Cancelled())
        return child

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        process = actor if actor.user else actor.process  # a thread of one that was killed is born killed
        return (self.thing,) if process is None else (self.thing, process)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        # A member is waited for anyway; a stranger makes whoever joins wait once more.
        return () if self.thing in actor.context else (self.thing,)

    def describe(self) -> str:
        function = getattr(self.function, "func", self.function)  # of a partial
        return f"spawn {self.name or getattr(function, '__name__', type(function).__name__)}"


class Join(_GroupOp):
    """Wait for the end of all children. What ended before is never a race: it can't be otherwise."""

    __slots__ = ()
    kind = "join"
    structural = False
    conditional = sleeps = every = True

    def enabled(self, actor: Actor) -> bool:
        return all(child.ended for child in self.thing.children)

    def apply(self, actor: Actor, outcome: int) -> None:
        actor.past |= self.thing.past

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return "join " + (", ".join(child.name for child in self.thing.children) or "no children")

    def blockers(self, actor: Actor) -> tuple[Actor, ...]:
        return tuple(child for child in self.thing.children if not child.ended)


class Cancel(_GroupOp):
    __slots__ = ()
    kind = "cancel"

    def apply(self, actor: Actor, outcome: int) -> None:
        cancel(self.thing, actor)

    def commit(self, actor: Actor) -> None:
        spread(self.thing, actor)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return cancelling(self.thing, actor)

    def describe(self) -> str:
        return "cancel " + (", ".join(child.name for child in self.thing.children) or "no children")


def reached(group: Group, by: Actor) -> list[tuple[Actor, Op | None]]:
    """Whom the cancellation of ``group`` by ``by`` is yet to be delivered to, each with its op if that is booked."""
    if group.told:
        return []
    owner = group.owner
    return [
        (actor, op if op is not None and op.booked else None)
        for actor in (*group.children, *(() if owner is None else (owner,)))
        if actor is not by
        and not actor.ended
        and not actor.cancelled
        and not isinstance(op := actor.op, Fail)  # its coroutine has ended already
    ]


def cancel(group: Group, by: Actor) -> None:
    """Cancel ``group``: those whom it reaches don't perform the ops that they stand before."""
    group.cancelled = True
    for actor, booked in reached(group, by):
        if booked is not None:
            booked.abandon(actor)


def cancelling(group: Group, by: Actor) -> tuple[Thing, ...]:
    """What :func:`cancel` writes."""
    return (group, *dict.fromkeys(booked.thing for _, booked in reached(group, by) if booked is not None))


def spread(group: Group, by: Actor) -> None:
    """Deliver the cancellation of ``group``, once, to all that it reaches."""
    assert by.run is not None
    for actor, booked in reached(group, by):
        by.run.deliver(actor, Cancelled())
        if booked is not None:
            by.run.recheck(booked.thing.pending)
    group.told = True


class Fail(Op):
    """A child ends by an exception: its group is cancelled."""

    __slots__ = ("error", "thing")
    kind = "fail"
    structural = parks = True
    thing: Group

    def __init__(self, group: Group, error: Exception) -> None:
        self.thing = group
        self.error = error

    def apply(self, actor: Actor, outcome: int) -> None:
        cancel(self.thing, actor)

    def commit(self, actor: Actor) -> None:
        self.thing.failures.append(self.error)
        spread(self.thing, actor)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return cancelling(self.thing, actor)

    def describe(self) -> str:
        return f"end with {type(self.error).__name__}"


UNWOUND = 0x5CA1AB1E
"""What local state hashes in the place of a result when an unwind was thrown."""


class Deliver(Op):
    """The core throws an unwind at this actor instead of performing the op it stood before."""

    __slots__ = ("thing", "unwind")
    kind = "unwind"

    def __init__(self, actor: Actor, unwind: BaseException) -> None:
        self.thing = actor
        self.unwind = unwind

    def apply(self, actor: Actor, outcome: int) -> int:
        return UNWOUND

    def describe(self) -> str:
        return "is cancelled"


class Kill(Op):
    """What the killer does to one user process, all its threads. Code inside the kernel runs on (DESIGN 2).

    It may come when the process has ended, and is too late then: were it not possible, any op, which may be the last of
    its process, would conflict with it.
    """

    __slots__ = ("faults", "thing")
    kind = "kill"
    structural = True
    thing: Actor

    def __init__(self, actor: Actor, faults: Any) -> None:
        self.thing = actor
        self.faults = faults

    def enabled(self, actor: Actor) -> bool:
        return bool(self.faults.kills) and not self.thing.killed

    def _threads(self) -> tuple[Actor, ...]:
        return (self.thing, *self.thing.threads)  # those that have ended too, or their end would be a race

    def apply(self, actor: Actor, outcome: int) -> None:
        for thread in self._threads():
            thread.killed = True
        self.faults.kills -= 1

    def commit(self, actor: Actor) -> None:
        for thread in self._threads():
            if thread.run is not None and thread.op is not None and thread.op.conditional:
                thread.run.recheck(thread.op.thing.pending)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (*self._threads(), self.faults)


class UserMode(Op):
    """On the way back to user mode a kill takes effect: ``Killed`` is raised."""

    __slots__ = ()
    kind = "user mode"
    thing = Thing("user mode")  # it acts on the caller alone, who is known only when it is performed

    def __await__(self) -> Any:
        if (yield self):
            raise Killed

    def apply(self, actor: Actor, outcome: int) -> bool:
        return actor.killed

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (actor,)

    def describe(self) -> str:
        return "return to user mode"

    def worded(self, result: Any) -> str:
        return "killed" if result else ""
