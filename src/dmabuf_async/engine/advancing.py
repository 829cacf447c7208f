"""Bringing an actor to its next op, by its table where that knows, and by resuming a coroutine where it does not."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.engine.choosing import Choosing
from dmabuf_async.engine.keeping import kept
from dmabuf_async.engine.rebirth import is_portable
from dmabuf_async.engine.running import RunningLoop
from dmabuf_async.engine.table import Entry, Table, advanced, hashed, leaves, recognise, revived
from dmabuf_async.errors import AuditError, ForeignAwait, RunOver, Unwind
from dmabuf_async.ops import CONDITIONAL, Op, Settle, told

if TYPE_CHECKING:
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine


TIMES: Final = 8
"""So often each way through a table is gone again."""
RESUMPTIONS: Final = 50_000
"""Of coroutines, at most, for that: a twentieth of a second."""


class Untabled(Exception):
    """A task does what its table cannot hold."""


class Advancing(Choosing):
    """Actors that go by their tables, which are learned where they end; live ones have coroutines of their own."""

    groups_tabled = True

    def __init__(self, machine: Machine, watch: Watch, *, live: bool) -> None:
        super().__init__(machine, watch)
        self.seen = watch
        self.tabled = not live
        self._coroutines: dict[Actor, Entry] = {}  # where the coroutine of an actor stands that was made to learn
        self._raised: dict[tuple[Entry, type, Any], tuple[Entry, BaseException]] = {}
        self._kept: dict[Actor, list[Any]] = {}  # what coroutines of an actor find, and leave to one another
        loop = RunningLoop()
        self._call_hidden = loop.call if loop.found else None

    def close(self) -> None:
        """Leave no coroutine suspended."""
        for actor in reversed(self.actors):
            self.release(actor)

    def release(self, actor: Actor) -> None:
        """End the coroutine that ``actor`` was made to learn with; it may have one though it has ended."""
        if actor.coroutine is not None:
            self._hidden(self.throw, actor, RunOver())
            actor.coroutine = None

    def retrace(self) -> None:
        """Go each way through the tables again, with coroutines made anew; where that is too much, some of them.

        It is what the tables are taken for: that an actor which is given the same results does the same. Raises
        ReplayDiverged, which names the actor, if it does not.
        """
        known = [(actor, depth, entry) for actor, table in self._learned() for depth, entry in leaves(table)]
        every = 1 + TIMES * sum(depth for _, depth, _ in known) // RESUMPTIONS
        for actor, _, entry in known[::every]:
            for _ in range(TIMES):
                self.release(actor)
                actor.coroutine = self._hidden(revived, actor, entry)
            self.release(actor)

    def _learned(self) -> Iterator[tuple[Actor, Table]]:
        """The actors that have tables, children among them."""
        actors = [*self.machine.actors]
        for actor in actors:
            if actor.table is not None:
                yield actor, actor.table
                entries = [actor.table.start]
                for entry in entries:
                    entries += [after for _, after in entry.after.values() if after.parent is entry]
                    actors += entry.children.values()

    def child(self, parent: Actor, name: str, function: Callable[..., Any], arguments: Any) -> Actor:
        """The same one whenever its parent spawns it, so that its table is there."""
        entry = parent.entry
        if entry is None:
            return super().child(parent, name, function, arguments)
        child = entry.children.get(parent.spawned)
        if child is None:
            if not is_portable(self.machine, parent, function, arguments):
                raise Untabled
            child = entry.children[parent.spawned] = super().child(parent, name, function, arguments)
            child.table = Table(child, holds_groups=True)
        child.reset()
        return child

    def deliver(self, actor: Actor, unwind: BaseException) -> None:
        if self.tabled:  # which hold what an op results in, and no unwind that comes instead
            raise Untabled
        super().deliver(actor, unwind)

    def forward(self, actor: Actor, result: Any) -> None:
        """Bring an actor to its next op."""
        if actor.entry is None:
            self._resume(actor, result)
            return
        entry = actor.entry
        known = entry.after.get(result)
        if known is not None and known[0] is result.__class__:
            after = known[1]
        else:
            raised = self._raised.get((entry, result.__class__, result))
            after = raised[0] if raised is not None else self._found_out(actor, entry, result)
        actor.entry = after
        actor.local = after.local
        if after.passed:
            self.arrive(actor, after.passed)
        actor.op = op = after.op
        actor.needs = after.needs
        if op is None:
            raised = self._raised.get((entry, result.__class__, result))
            self.leave(actor)
            if raised is not None and not isinstance(raised[1], Unwind):
                actor.failure = raised[1]
                self.seen.failed(actor, raised[1])
        elif actor.needs & CONDITIONAL:
            after.pending.append(actor)

    def _found_out(self, actor: Actor, entry: Entry, result: Any) -> Entry:
        """What the actor does next. Raises Untabled if it changes what another coroutine of it would find."""
        if self.machine.reused:
            return self._learn(actor, entry, result)
        before = self._kept.get(actor)
        if before is None:
            before = self._kept[actor] = kept(actor.function, actor.arguments)
        after = self._learn(actor, entry, result)
        if kept(actor.function, actor.arguments) != before:
            raise Untabled
        return after

    def _learn(self, actor: Actor, entry: Entry, result: Any) -> Entry:
        """What the actor does next, found out by resuming a coroutine that stands where it is."""
        table = actor.table
        assert table is not None
        if self._coroutines.pop(actor, None) is not entry or actor.coroutine is None:
            if actor.coroutine is not None:
                self._hidden(self.throw, actor, RunOver())
            actor.coroutine = revived(actor, entry) if entry.parent is not None else self._call(actor)
        coroutine = actor.coroutine
        passed: list[Settle] = []
        op: Any = None
        made = self.machine.made
        try:
            op = self._hidden(advanced, coroutine, None if entry.parent is None else result, passed)
            if not isinstance(op, Op):
                foreign = ForeignAwait(actor.name, op)
                self._hidden(self.throw, actor, foreign)
                raise foreign  # noqa: TRY301 - as if the coroutine had raised it
        except StopIteration:
            pass
        except BaseException as error:
            actor.coroutine = None
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            fails = actor.group is not None and isinstance(error, Exception)  # and its group is to be told
            if fails or self.machine.made != made:
                raise Untabled from error
            after = Entry(entry, result, tuple(passed), None)
            after.local = hashed(entry.local, result)
            self._raised[entry, result.__class__, result] = (after, error)
            return after
        if self.machine.made != made:  # another coroutine of it would make the same objects again
            raise Untabled
        actor.entry = None  # the place in the program is read off the coroutine
        learned = table.learn(actor, entry, result, tuple(passed), op)
        actor.entry = entry
        if learned is None:
            raise Untabled
        if op is None:
            actor.coroutine = None
        elif learned.parent is entry:
            self._coroutines[actor] = learned
        else:  # it has settled where it was before: does it go on as it did?
            self._follow(actor, learned)
        return learned

    def _follow(self, actor: Actor, entry: Entry) -> None:
        """Follow an actor against its table, as far as that goes, from a value that it has settled with before."""
        coroutine, settled = actor.coroutine, entry.passed[-1].value
        assert coroutine is not None
        seen = set[Entry]()
        while entry not in seen and entry.after:
            seen.add(entry)  # and once round is enough
            result, (_, after) = next(iter(entry.after.items()))
            passed: list[Settle] = []
            try:
                op = self._hidden(advanced, coroutine, result, passed)
            except StopIteration:
                op, actor.coroutine = None, None
            if op is not None and after.op is not None:
                recognise(op, after.op)
            known, now = _next(after.passed, after.op), _next(passed, op)
            if known != now:
                raise AuditError(
                    f"{actor.name} settled twice with {told(settled)}, and then went on in two ways: "
                    f"{_told(known)}, and {_told(now)}: a settled value must tell all that the actor's future depends "
                    "on"
                )
            entry = after

    def _hidden(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call it as if no event loop ran here."""
        return function(*arguments) if self._call_hidden is None else self._call_hidden(function, *arguments)

    def _resume(self, actor: Actor, result: Any) -> None:
        """The same for a live actor."""
        assert actor.resume is not None
        try:
            actor.op = op = self._hidden(actor.resume, result)
            actor.needs = op.needs
        except BaseException as error:  # noqa: BLE001 - an actor's exception never leaves its host
            self.raised(actor, error)
            return
        if isinstance(op, Settle):
            actor.local = hashed(actor.key, op.value)
            self.arrive(actor, (op,))
            self._resume(actor, None)
        elif actor.needs & CONDITIONAL:
            op.thing.pending.append(actor)


def _next(passed: Iterable[Settle], op: Op | None) -> tuple[Hashable, ...]:
    """What an actor does next, in a way that can be compared."""
    settled = tuple((settle.value, settle.site) for settle in passed)
    return settled, *(() if op is None else (op.__class__, op.thing.name, op.describe()))


def _told(following: tuple[Any, ...]) -> str:
    settled, *op = following
    values = "".join(f"settled with {told(value)}, then " for value, _ in settled)
    return f"it {values}stood before {op[-1]!r}" if op else f"it {values}ended"
