"""Deadlock: actors each of which waits for what only others of the set can give (PROTOCOL 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.machine.kmap import Map

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.marks import Mark
    from dmabuf_async.ops import Op


def blockers(actor: Actor) -> tuple[Actor, ...] | None:
    """Of whom one must act before ``actor`` can go on; None if it could be anybody."""
    cpu = actor.cpu
    if cpu is not None and cpu.atomic:
        owner = cpu.atomic[-1].actor
        if owner is not actor:
            return (owner,)
    return None if actor.op is None else actor.op.blockers(actor)


def family(actors: Iterable[Actor]) -> Iterator[Actor]:
    """These, and all that they have spawned in groups that are open."""
    for actor in actors:
        yield actor
        for group in actor.groups:
            yield from family(group.children)


class Deadlock(Checker):
    """Names the cycle: who waits for what, and who would have to give it."""

    __slots__ = ()
    codes = ("deadlock",)

    def called(self, machine: Machine, actor: Actor, op: Op) -> Found | None:
        if actor.ready or actor.stuck:
            return None
        members: dict[Actor, None] = {actor: None}
        queue = [actor]
        while queue:
            member = queue.pop()
            if member.ended:
                continue
            if member.stuck:
                return None  # that one has been told; who waits for it is told at the end, whoever came first
            givers = None if member.ready else blockers(member)
            if givers is None:
                return None  # it can go on, or anybody might help it
            for giver in givers:
                if giver not in members:
                    members[giver] = None
                    queue.append(giver)
        if any(isinstance(member.op, Map) for member in members) and any(
            not other.ended and not other.daemon and other not in members for other in family(machine.actors)
        ):
            return None  # a mapping may have been handed to it; if it was not, the end will tell
        # Whoever closed the circle, it is the same deadlock.
        return self.stated(sorted((member for member in members if not member.ended), key=lambda member: member.path))

    def stated(self, members: Sequence[Actor]) -> Found:
        """The finding for a set of actors none of which can ever go on."""
        clauses = []
        for member in members:
            member.stuck = True
            assert member.op is not None
            givers = blockers(member)
            if givers:
                names = " and ".join(dict.fromkeys(giver.name for giver in givers))
                tail = f", which {'it' if names == member.name else names} would have to give"
                tail = f"{tail} (it has ended)" if all(giver.ended for giver in givers) else tail
            else:
                tail = ", which nobody is left to bring about"
            said = member.op.describe()
            what = f"for {said.removeprefix('wait ')}" if said.startswith("wait ") else f"to {said}"
            clauses.append(f"{member.name} waits {what}{tail}")
        things = tuple(member.op.thing for member in members if member.op is not None)
        rule = "V11" if any(thing.KIND == "kmap slots" for thing in things) else "P7"
        return Found("deadlock", rule, "; ".join(clauses), members[0], things, tuple(members[1:]))


class DoubleUnlock(Checker):
    """A lock is given back by somebody who does not hold it."""

    __slots__ = ()
    codes = ("double-unlock",)

    def marked(self, mark: Mark) -> Found | None:
        return Found("double-unlock", "P7", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))
