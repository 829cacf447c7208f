"""The checkers' memory as a finite key, the same for all executions that checkers cannot tell apart (DESIGN 2, State).

Events have numbers that grow and that differ between interleavings. What matters of them from here on is little: for
each version that still lies somewhere, who knows of it, and who knows of a write that comes after it. Both are sets
of actors and of objects that actors synchronise by, and both change in the same way when one of these learns what
another one knows; so which write it was, and how many there were, matters to nobody. The same holds of accesses to
cells that may yet race. The order in which locks were taken has no events: it is kept as it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from dmabuf_async.machine.word import INITIAL

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cells import Cell
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.storage import Page
    from dmabuf_async.machine.word import Held, Word
    from dmabuf_async.thing import Thing


def memory_of(machine: Machine, grown: Iterable[Thing]) -> Hashable:
    """The key of what checkers remember of ``machine``; ``grown`` are the actors and groups that came later.

    Who knows of something is an actor or an object that actors synchronise by: by its number in the machine, which is
    the same in all machines of a program, or by name if it was made during the execution.
    """
    pages = [page for page in machine.pages if page.copying.progress or page.copying.gone or _written(page)]
    cells = [cell for cell in machine.cells if cell.seen]
    relevant = 0
    for page in pages:
        for word in page.words:
            held = word.held
            relevant |= _events(held)
    for cell in cells:
        relevant |= cell.seen
    knowing = _knowing(machine, grown, relevant)
    words = tuple([(page.key, _copying(page), tuple([_word(word, knowing) for word in page.words])) for page in pages])
    by = machine.events.by
    raced = tuple([_cell(cell, by, knowing) for cell in cells])
    edges = machine.lock_order.taken()
    held_locks = tuple(
        [(actor.key, tuple([lock.key for lock in actor.locks])) for actor in machine.actors if actor.locks]
    )
    return words, raced, edges, held_locks


Knowing: TypeAlias = "dict[int, tuple[int, tuple[int, ...]]]"
"""Who knows of each event: a bit set of objects of the machine, and the keys of others."""

NOBODY: Final = (0, ())


def _knowing(machine: Machine, grown: Iterable[Thing], relevant: int) -> Knowing:
    numbered: dict[int, int] = {}
    if not relevant:
        return {}
    # Objects may join both lists during an execution, and none may get another number then.
    bit = 1
    for thing in machine.synchronising:
        past = thing.past
        known = past and past & relevant
        while known:
            event = known & -known
            numbered[event] = numbered.get(event, 0) | bit
            known ^= event
        bit <<= 2
    bit = 2
    for cell in machine.cells:
        if cell.signal:
            known = cell.signal & relevant
            while known:
                event = known & -known
                numbered[event] = numbered.get(event, 0) | bit
                known ^= event
        bit <<= 2
    others: dict[int, list[int]] = {}
    for other in (*grown, *_attached(machine)) if machine.devices else grown:
        for event in _bits(other.past & relevant):
            others.setdefault(event, []).append(other.key)
    if not others:
        return {event: (known, ()) for event, known in numbered.items()}
    return {
        event: (numbered.get(event, 0), tuple(sorted(others.get(event, ()))))
        for event in numbered.keys() | others.keys()
    }


def _attached(machine: Machine) -> Iterator[Thing]:
    """What devices made during the execution, and actors synchronise by."""
    for device in machine.devices.values():
        for attachment in device.attachments():
            yield attachment
            yield from attachment.begun()


def _events(held: Held) -> int:
    """All events that are remembered of one word."""
    events = 0
    for version in held.at.values():
        events |= version
    for version, later in held.later.items():
        events |= version | later
    return events


def _written(page: Page) -> bool:
    return any(word.held.later[INITIAL] for word in page.words)


def _cell(cell: Cell, by: Mapping[int, Actor], knowing: Knowing) -> Hashable:
    told: list[Hashable] = [cell.key]
    for events in (cell.loaded, cell.stored, cell.ordered_loaded, cell.ordered_stored):
        if not events:
            told.append(())
        elif not events & events - 1:  # one alone, as most are
            told.append((by[events.bit_length() - 1].key, knowing.get(events, NOBODY)))
        else:
            accesses = [(by[bit.bit_length() - 1].key, knowing.get(bit, NOBODY)) for bit in _bits(events)]
            told.append(tuple(sorted(accesses)))
    return tuple(told)


def _bits(events: int) -> Iterable[int]:
    while events:
        bit = events & -events
        yield bit
        events ^= bit


def _copying(page: Page) -> Hashable:
    copying = page.copying
    if not copying.progress and not copying.gone:
        return None
    progress = sorted((to.key, source.key, words) for to, (source, words) in copying.progress.items())
    return tuple(progress), tuple(sorted([location.key for location in copying.gone]))


def _word(word: Word, knowing: Knowing) -> Hashable:
    held = word.held
    at = sorted([(location.key, version) for location, version in held.at.items()])
    numbers = {INITIAL: 0}
    for _, version in at:
        numbers.setdefault(version, len(numbers))
    versions = tuple(
        [
            (
                knowing.get(version, NOBODY),
                _any(held.later[version], knowing),
                tuple([numbers[other] for other in numbers if held.before(other, version)]),
            )
            for version in numbers
        ]
    )
    return (
        tuple([(key, numbers[version]) for key, version in at]),
        versions,
        tuple(sorted([target.key for target in held.torn])),
    )


def _any(events: int, knowing: Knowing) -> tuple[int, tuple[int, ...]]:
    """Who knows of one of these."""
    numbered, others = 0, set[int]()
    for event in _bits(events):
        some, more = knowing.get(event, NOBODY)
        numbered |= some
        others.update(more)
    return numbered, tuple(sorted(others))
