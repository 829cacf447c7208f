"""An actor as a table: (local state, result) gives (local state, next op) (DESIGN 2, State).

What an actor does depends on the results that it was given and on nothing else. So
once it has been resumed with a result, nobody needs to do so again: the table
knows the op that comes next. It is learned along the way, and where it ends a coroutine
is made, brought to the same place with the same results, and resumed from there.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.engine.site import function
from dmabuf_async.errors import ReplayDiverged
from dmabuf_async.ops import Errno, Op, Settle
from dmabuf_async.tasks import Group, Open
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor

LIMIT: Final = 50_000
"""Entries of one table: a campaign's memory doesn't grow with its length."""

_COLLECTIONS: Final = (tuple, frozenset)

_MINUS_ONE: Final = (-7, -7)

_PLAIN: Final = (int, str, Errno, Thing, type(None))


class Entry:
    """One local state of an actor: the op that it stands before, or None if it has ended."""

    __slots__ = (
        "after", "apply", "children", "function", "local", "needs", "op", "parent", "passed", "pending", "via",
        "writes",
    )  # fmt: skip

    def __init__(self, parent: Entry | None, via: Any, passed: tuple[Settle, ...], op: Op | None) -> None:
        self.after: dict[Any, tuple[type, Entry]] = {}  # by result; 1 and True are told apart by their class
        self.parent = parent
        self.via = via  # the result that led here from the parent
        self.passed = passed  # where it settled on the way from the parent
        self.op = op
        self.needs = 0
        self.apply: Any = None
        self.writes: Any = None
        self.pending: list[Actor] = []
        if op is not None:  # looked up once: an op may be of any class, which makes each look-up a slow one
            self.needs = op.needs
            self.apply = op.apply
            self.writes = op.writes
            self.pending = op.thing.pending
        self.function = ""
        self.local = 0
        self.children: dict[int, Actor] = {}  # whom its op has spawned, by their numbers among their siblings


class Table:
    """What is known of one task; it outlives executions."""

    __slots__ = ("groups", "holds_groups", "learns", "settled", "size", "start")

    def __init__(self, actor: Actor, *, holds_groups: bool) -> None:
        self.holds_groups = holds_groups
        self.groups: list[Group] = []  # all that it has ops of
        self.start = Entry(None, None, (), None)  # before it has been resumed for the first time
        self.start.local = actor.key
        self.settled: dict[Any, Entry] = {}
        self.size = 0
        self.learns = True

    def learn(self, actor: Actor, at: Entry, result: Any, passed: tuple[Settle, ...], op: Op | None) -> Entry | None:
        """``actor``, resumed at ``at`` with ``result``, stands before ``op``; its entry, or None if it gets none."""
        kind = result.__class__
        known = at.after.get(result)
        if known is not None:
            return known[1] if known[0] is kind else None
        if op is not None and isinstance(op.thing, Group):
            recognise(op)
            if isinstance(op, Open):
                self.groups.append(op.thing)
            self.learns = self.learns and self.holds_groups and op.thing in self.groups
        if (actor.groups and passed) or isinstance(result, Group):
            self.learns = False  # another history would have another group open
        if not self.learns or self.size >= LIMIT or not isinstance(result, _PLAIN):
            return None
        key = passed and (op is None, tuple([(settle.value, settle.site) for settle in passed]))
        entry = self.settled.get(key) if key else None
        if entry is None:
            entry = Entry(at, result, passed, op)
            entry.function = function(actor)
            if passed:
                entry.local = hashed(actor.key, passed[-1].value)
            else:  # the first resumption brings no result
                entry.local = at.local if at.parent is None else hashed(at.local, result)
            self.size += 1
            if key:
                self.settled[key] = entry
        at.after[result] = (kind, entry)
        return entry


def hashed(local: int, value: Any) -> int:
    """The local state after one more result; for a settled value ``local`` is the key of the actor."""
    return hash((local, -7 if value is None else _apart(value)))


def _apart(value: Any) -> Any:
    """Something else in the place of each -1, whose hash is that of -2."""
    if value.__class__ in _COLLECTIONS:
        return value.__class__(map(_apart, value))
    return _MINUS_ONE if value == -1 else value


class Trail:
    """Where on its table an actor is that is being resumed for real."""

    __slots__ = ("at", "passed", "table", "via")

    def __init__(self, table: Table, at: Entry) -> None:
        self.table = table
        self.at: Entry | None = at
        self.passed: list[Settle] = []
        self.via: Any = None

    def resumed(self, actor: Actor, result: Any, op: Op | None) -> None:
        """The actor was resumed with ``result``, and ``op`` came."""
        if self.at is None:
            return
        if not self.passed:
            self.via = result
        if isinstance(op, Settle):
            self.passed.append(op)
            return
        self.at = self.table.learn(actor, self.at, self.via, tuple(self.passed), op)
        self.passed.clear()


def advanced(coroutine: Coroutine[Any, Any, Any], result: Any, passed: list[Settle]) -> Any:
    """Resume a coroutine up to its next op, which is returned; where it settles on the way is added to ``passed``."""
    op = coroutine.send(result)
    while op.__class__ is Settle:
        passed.append(op)
        op = coroutine.send(None)
    return op


def recognise(op: Any, known: Op | None = None) -> None:
    """An op of a group, which each coroutine makes anew, is of the group that the table has.

    ``known``: what the table has where this op was awaited.
    """
    group = op.thing
    if isinstance(group, Group):
        if isinstance(op, Open) and isinstance(known, Open):
            group.stand_for(known.thing)
        op.thing = group.original or group


def revived(actor: Actor, at: Entry) -> Coroutine[Any, Any, Any]:
    """A coroutine of ``actor`` that stands where ``at`` says. Raises ReplayDiverged if it came another way."""
    way: list[Entry] = []
    entry = at
    while entry.parent is not None:
        way.append(entry)
        entry = entry.parent
    coroutine: Coroutine[Any, Any, Any] = actor.function(*actor.arguments)
    for entry in reversed(way):
        passed: list[Settle] = []
        op: Any = None
        now = ""
        try:
            op = advanced(coroutine, entry.via, passed)
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - it had gone on here
            now = f"raised {type(error).__name__}"
        if op is not None and entry.op is not None:
            recognise(op, entry.op)
        if now or not (_same(op, entry.op) and [one.value for one in passed] == [one.value for one in entry.passed]):
            coroutine.close()
            raise _diverged(actor, _did(entry.op), now or _did(op))
    return coroutine


def leaves(table: Table) -> list[tuple[int, Entry]]:
    """Where the ways through a table end, and after how many ops."""
    found, rest = [], [(0, table.start)]
    while rest:
        depth, entry = rest.pop()
        following = [after for _, after in entry.after.values() if after.parent is entry]
        rest += [(depth + 1, after) for after in reversed(following)]
        if not following and depth:
            found.append((depth, entry))
    return found


def _same(op: Any, known: Op | None) -> bool:
    """Whether it is the op that the table has."""
    return op is known or (
        known is not None
        and op.__class__ is known.__class__
        and op.thing.name == known.thing.name
        and op.describe() == known.describe()
    )


def _did(op: Any) -> str:
    return "ended" if op is None else f"went on with `{op.describe() if isinstance(op, Op) else type(op).__name__}`"


def _diverged(actor: Actor, before: str, now: str) -> ReplayDiverged:
    had = "settled otherwise before" if before == now else f"had {before.replace('went', 'gone', 1)}"
    return ReplayDiverged(
        f"{actor.name} is not deterministic: given the same results again, it {now}, where it {had}. Look for chance, "
        "time, or state that outlives an execution or is shared outside the machine, in its code"
    )
