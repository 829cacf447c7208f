"""Deadlock: actors each of which waits for what only others of the set can give (PROTOCOL 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.machine.attachment import AttachmentWait
from dmabuf_async.machine.cpu import Ipi
from dmabuf_async.machine.kmap import Map
from dmabuf_async.machine.spinlock import Spin
from dmabuf_async.ops import waits

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.ops import Op

Clause: TypeAlias = tuple["Actor", ...]
"""Actors of whom one must act; an empty one is a condition that nobody can bring about."""


def keeper(actor: Actor) -> Actor | None:
    """Who keeps its CPU in atomic context, if that is another."""
    owner = None if actor.cpu is None else actor.cpu.owner()
    return None if owner is actor else owner


def demands(actor: Actor) -> tuple[Clause, ...]:
    """What has to happen before ``actor`` can go on, all of it; what anybody could bring about is not among it."""
    op, owner = actor.op, keeper(actor)
    clauses: list[Clause] = [] if owner is None else [(owner,)]
    if op is not None and op.conditional and not op.enabled(actor):
        givers = op.blockers(actor)
        if givers is not None and op.every:
            clauses += [(giver,) for giver in dict.fromkeys(givers)]
        elif givers is not None:
            clauses.append(givers)
    return tuple(clauses)


def cancellers(actor: Actor) -> Clause:
    """Who may yet cancel a group that ``actor`` belongs to, so that it need not wait any longer."""
    if actor.cancelled:
        return ()  # nobody is twice
    found: list[Actor] = []
    for group in actor.groups if actor.group is None else (actor.group, *actor.groups):
        if not group.told:
            found += group.children if group.owner is None else (group.owner, *group.children)
    return tuple(other for other in found if other is not actor)


def family(actors: Iterable[Actor]) -> Iterator[Actor]:
    """These, and all that they have spawned in groups that are open."""
    for actor in actors:
        yield actor
        for group in actor.groups:
            yield from family(group.children)


class Deadlock(Checker):
    """Names the cycle: who waits for what, and who holds it."""

    __slots__ = ()
    codes = ("deadlock",)

    def called(self, machine: Machine, actor: Actor, op: Op) -> Found | None:
        if actor.ready or actor.stuck:
            return None
        members = _circle(actor)
        if members is None:
            return None
        # It may wait for a circle, and not be in it: that one is told, though it was only closed when a child
        # which might have cancelled somebody in it came to wait. Whoever waits for it is told at the end.
        members = min((_circle(member) or members for member in members), key=len)
        if any(isinstance(member.op, Map) for member in members) and any(
            not other.ended and not other.daemon and other not in members for other in family(machine.actors)
        ):
            return None  # a mapping may have been handed to it; if it was not, the end will tell
        # Whoever closed the circle, it is the same deadlock.
        return self.stated(sorted(members, key=lambda member: member.path))

    def stated(self, members: Sequence[Actor]) -> Found:
        """The finding for a set of actors none of which can ever go on."""
        for member in members:
            member.stuck = True
        clauses = [f"{member.name} {_waits(member, members)}" for member in members]
        things = tuple(member.op.thing for member in members if member.op is not None)
        rule = "V11" if any(thing.KIND == "kmap slots" for thing in things) else "P7"
        if any(isinstance(member.op, AttachmentWait) for member in members):
            rule = "V14"
        return Found("deadlock", rule, "; ".join(clauses), members[0], things, tuple(members[1:]))


def _circle(actor: Actor) -> list[Actor] | None:
    """Actors that wait for ever for each other, ``actor`` among them; None if it may go on, or was told."""
    wanted = _reachable(actor)
    alive = {member for member, clauses in wanted.items() if not clauses}
    grown = True
    while grown:
        more = {
            member
            for member, clauses in wanted.items()
            if member not in alive and all(not alive.isdisjoint(clause) for clause in clauses)
        }
        grown = bool(more)
        alive |= more
    if actor in alive:
        return None
    members, queue = {actor: None}, [actor]
    while queue:
        hopeless = [clause for clause in demands(queue.pop()) if alive.isdisjoint(clause)]
        untold = [clause for clause in hopeless if not any(giver.stuck for giver in clause)]
        if not untold:
            return None  # that one has been told; who waits for it is told at the end, whoever came first
        # One reason is enough, and one that closes the circle is the best.
        chosen = next((clause for clause in untold if all(giver in members for giver in clause)), untold[0])
        for giver in chosen:
            if giver not in members and not giver.ended:
                members[giver] = None
                queue.append(giver)
    return list(members)


def _reachable(actor: Actor) -> dict[Actor, tuple[Clause, ...]]:
    """Everybody that ``actor`` waits for, directly or not, with what each of them waits for; nothing: it can go on."""
    wanted: dict[Actor, tuple[Clause, ...]] = {}
    queue = [actor]
    while queue:
        member = queue.pop()
        if member in wanted:
            continue
        if member.ended:
            wanted[member] = ((),)
            continue
        if member.ready or member.op is None:  # it is brought to its first op before anything else happens
            wanted[member] = ()
            continue
        others = cancellers(member)
        wanted[member] = clauses = tuple([(*clause, *others) for clause in demands(member)])
        queue += [giver for clause in clauses for giver in clause]
    return wanted


def _waits(member: Actor, members: Sequence[Actor]) -> str:
    """For what it waits, and for whom."""
    op, owner = member.op, keeper(member)
    assert op is not None
    others = () if op.enabled(member) else op.blockers(member) or ()
    itself = bool(others) and all(giver in members or giver.ended for giver in others)  # and not only its CPU
    if owner is not None and member.cpu is not None and (owner in members or owner.ended or not itself):
        return f"waits for {member.cpu.name}, kept atomic by {owner.name}{' (it has ended)' * owner.ended}"
    said = op.describe()
    if isinstance(op, Spin):
        what = f"spins for {op.thing.name}"
    elif isinstance(op, Ipi):
        what = f"waits for an answer of {op.thing.name}"
    else:
        what = waits(said)
    givers = op.blockers(member)
    if op.every and givers:  # of those that it needs all, the ones that close the circle
        givers = tuple(giver for giver in givers if giver in members) or givers
    if not givers:
        return f"{what}, which nobody is left to bring about"
    names = _named(givers, member, own="itself" if op.owed.startswith("held") else "it")
    tail = " (it has ended)" if all(giver.ended for giver in givers) else ""
    return f"{what}, {op.owed.format(names)}{tail}"


def _named(givers: Iterable[Actor], member: Actor, own: str) -> str:
    names = dict.fromkeys(giver.name for giver in givers)
    return own if list(names) == [member.name] else " and ".join(names)
