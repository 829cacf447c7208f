"""The checkers' memory as a finite key, the same for all executions that checkers cannot tell apart (DESIGN 2, State).

Events have numbers that grow and that differ between interleavings. What matters of them from here on is little: for
each version that still lies somewhere, who knows of it, and who knows of a write that comes after it. Both are sets
of actors and of objects that actors synchronise by, and both change in the same way when one of these learns what
another one knows; so which write it was, and how many there were, matters to nobody. The same holds of accesses to
cells that may yet race. The order in which locks were taken has no events: it is kept as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.word import INITIAL

if TYPE_CHECKING:
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.storage import Page
    from dmabuf_async.machine.word import Word
    from dmabuf_async.thing import Thing


def memory_of(machine: Machine, grown: Iterable[Thing]) -> Hashable:
    """The key of what checkers remember of ``machine``; ``grown`` are the actors and groups that came later.

    Who knows of something is an actor or an object that actors synchronise by; names identify them.
    """
    things = machine.things.values()
    cells = [thing for thing in things if isinstance(thing, Cell) and (thing.seen or thing.signal)]
    pasts = [(f"{thing.KIND} {thing.name}", thing.past) for thing in (*things, *grown) if thing.past]
    pasts += [(f"signal {cell.name}", cell.signal) for cell in cells if cell.signal]
    pasts.sort()
    words = tuple(
        (page.name, _copying(page), tuple(_word(word, pasts) for word in page.words))
        for buffer in machine.buffers.values()
        for page in buffer.pages
        if page.copying.progress or page.copying.gone or any(word.held.later[INITIAL] for word in page.words)
    )
    edges = frozenset((edge.before, edge.after) for edge in machine.lock_order.edges())
    held = tuple((actor.name, tuple(lock.name for lock in actor.locks)) for actor in machine.actors if actor.locks)
    return words, tuple(_cell(cell, machine, pasts) for cell in cells if cell.seen), edges, held


def _cell(cell: Cell, machine: Machine, pasts: list[tuple[str, int]]) -> Hashable:
    kinds = (cell.loaded, cell.stored, cell.ordered_loaded, cell.ordered_stored)
    return cell.name, tuple(
        tuple(sorted((machine.events.latest(bit).name, _knowing(bit, pasts)) for bit in _bits(events)))
        for events in kinds
    )


def _bits(events: int) -> Iterable[int]:
    while events:
        bit = events & -events
        yield bit
        events ^= bit


def _copying(page: Page) -> Hashable:
    progress = sorted((to.name, source.name, words) for to, (source, words) in page.copying.progress.items())
    return tuple(progress), tuple(sorted(location.name for location in page.copying.gone))


def _word(word: Word, pasts: list[tuple[str, int]]) -> Hashable:
    held = word.held
    at = sorted((location.name, version) for location, version in held.at.items())
    numbers = {INITIAL: 0}
    for _, version in at:
        numbers.setdefault(version, len(numbers))
    versions = tuple(
        (
            _knowing(version, pasts),
            _knowing(held.later[version], pasts),
            tuple(numbers[other] for other in numbers if held.before(other, version)),
        )
        for version in numbers
    )
    return (
        tuple((name, numbers[version]) for name, version in at),
        versions,
        tuple(sorted(target.name for target in held.torn)),
    )


def _knowing(events: int, pasts: list[tuple[str, int]]) -> tuple[str, ...]:
    return tuple(name for name, past in pasts if past & events)
