"""Diamonds: two moves that don't conflict lead to the same state in either order, so one way round it tells the other.

The state graph visits every state and lists every transition all the same; what is saved is making a step whose end
is known from its footprint. That a footprint may be wrong is not taken on trust: of each pair of kinds of ops the first
diamonds are closed by making the step, then fewer and fewer, and those that don't close are named (DESIGN 2, Op).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from dmabuf_async.errors import AuditError

if TYPE_CHECKING:
    from dmabuf_async.explore.following import Label
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.ops import Op
    from dmabuf_async.thing import Thing

EVERY: Final = 128
"""Of each pair of kinds of ops one in so many diamonds is closed by making the step, and the 1st, 2nd, 4th, 8th..."""

Print: TypeAlias = "tuple[int, int, type[Op]]"
"""What a move reads and what it writes, a bit for each object; and of which kind it is."""

Side: TypeAlias = "tuple[int, Print, bool]"
"""The fourth side of a diamond: where the move leads, its print, and whether it is to be made all the same."""


class Diamonds:
    """The footprints of one program's moves, and the diamonds that they close."""

    def __init__(self) -> None:
        self._bits: dict[int, int] = {}  # by key: the same in all executions
        self._pairs: dict[tuple[type[Op], type[Op]], int] = {}

    def print(self, actor: Actor, op: Op) -> Print:
        """What ``actor`` would touch now by ``op``."""
        if actor.judged is None:
            return self._set((*op.reads(actor), *actor.context)), self._set(op.writes(actor)), op.__class__
        footprint = op.footprint(actor)
        return self._set(footprint.reads), self._set(footprint.writes), op.__class__

    def _set(self, things: Iterable[Thing]) -> int:
        bits, found = self._bits, 0
        for thing in things:
            bit = bits.get(thing.key)
            if bit is None:
                bit = bits[thing.key] = 1 << len(bits)
            found |= bit
        return found

    def closed(
        self,
        edges: list[list[tuple[Label, int]]],
        shows: Mapping[tuple[int, int], object],
        state: int,
        prints: list[Print | None],
    ) -> dict[Label, Side]:
        """The moves of the state that the latest transition of ``state`` led to, as far as it is known where they lead.

        These are the earlier moves of ``state`` that don't conflict with the latest, if that could be made after them.
        ``prints`` are those of the transitions of ``state``; None where something was found.
        """
        found: dict[Label, Side] = {}
        *earlier, (last, _) = edges[state]
        latest = prints[-1]
        if latest is None:
            return found
        reads, writes, kind = latest
        touched, who, pairs = reads | writes, last[0], self._pairs
        for (label, target), known in zip(earlier, prints, strict=False):
            if known is None or known[1] & touched or known[0] & writes or label[0] == who:
                continue
            for number, (other, corner) in enumerate(edges[target]):
                if other is last:
                    if not shows or (target, number) not in shows:
                        pair = (known[2], kind)
                        pairs[pair] = count = pairs.get(pair, 0) + 1
                        found[label] = corner, known, not count & count - 1 or not count % EVERY
                    break
        return found


def open_diamond(actor: Actor, op: Op, before: Print | None) -> AuditError:
    """The error of a diamond that does not close."""
    other = "what came" if before is None else f"the {before[2].kind} that came"
    return AuditError(
        f"{actor.name}: {op.describe()} and {other} just before it do not conflict by what they declare to touch, and "
        "yet the order in which they come makes a difference: one of the two ops touches more than it says"
    )
