"""Access to a word of a frame: by a CPU, through the cache or past it, or by a device, which always goes past it.

Whoever gets there (a kernel mapping, a TLB entry, an IOTLB entry) has the frame already; what it finds there is
whatever the frame, or the cache line over it, holds, whoever owns it by now. VRAM and swap have no lines, and neither
has any frame of a coherent machine: there all accesses are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cache import Line
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.word import Location, Word
    from dmabuf_async.thing import Thing


class Touched(NamedTuple):
    """What an access reads, and what it writes or reads and writes: for ``reads()`` and ``writes()`` of an op."""

    reads: tuple[Thing, ...]
    writes: tuple[Thing, ...]


def word_at(place: Place, index: int) -> Word | None:
    """The word that lies there: of the page that owns the frame; None in a free frame, or beyond the page."""
    owner = place.owner
    return None if owner is None or index >= len(owner.words) else owner.words[index]


def line_at(place: Place, index: int) -> Line | None:
    """The cache line over a word of a frame; None if it is uncached."""
    lines = place.lines
    if not lines:
        return None
    number = index // lines[0].size
    return lines[number] if number < len(lines) else None


def locations(place: Place, index: int) -> tuple[Location, ...]:
    """Where a word of a frame may lie: in the frame, and in the line over it."""
    line = line_at(place, index)
    return (place,) if line is None else (place, line)


# What is touched ---------------------------------------------------------------------


def load_touches(place: Place, index: int, *, cached: bool = True) -> Touched:
    """What a :func:`load` touches in the present state."""
    word, line = word_at(place, index), line_at(place, index) if cached else None
    words = () if word is None else (word,)
    if line is None:
        return Touched((place, *words), ())
    if line.valid:
        return Touched((place, line, *words), ())
    return Touched((place,), (line, *line.covered()))


def store_touches(place: Place, index: int, *, cached: bool = True) -> Touched:
    """What a :func:`store` touches in the present state; what a checker asks when a write is lost is among it."""
    owner, word = place.owner, word_at(place, index)
    line = line_at(place, index) if cached else None
    judged = () if owner is None else (owner, owner.copying, owner.buffer.life)
    words = () if word is None else (word,)
    if line is None:
        return Touched((place, *judged), words)
    return Touched((place, *judged), (line, *(words if line.valid else line.covered())))


def dma_load_touches(place: Place, index: int) -> Touched:
    """What a :func:`dma_load` touches in the present state."""
    return load_touches(place, index, cached=False)


def dma_store_touches(place: Place, index: int) -> Touched:
    """What a :func:`dma_store` touches in the present state."""
    return store_touches(place, index, cached=False)


# Accesses ------------------------------------------------------------------------------


def load(actor: Actor, place: Place, index: int, *, cached: bool = True) -> bool:
    """A CPU reads a word; whether it is the newest version of it, in time.

    A version that is older, in synchronisation order, than one that the reader knows of is marked ``stale-read``.
    """
    line = line_at(place, index) if cached else None
    if line is not None:
        line.fill()
    word = word_at(place, index)
    if word is None:
        return False
    at: Location = place if line is None else line
    if word.stale(actor, at):
        what = f"reads word {word.index} of {word.copying.page} from {at.name}"
        place.zone.marks.add("stale-read", actor, word, f"{what}, though a newer version was written before")
    return at in word.newest


def told(newest: bool) -> str:
    """What a load says, in words: that it read the newest version goes without saying."""
    return "" if newest else "an older version"


def store(actor: Actor, place: Place, index: int, *, cached: bool = True) -> None:
    """A CPU writes a word. Where that is no longer the storage of its page, the write is lost."""
    line = line_at(place, index) if cached else None
    if line is not None:
        line.fill()
        line.dirty = True
    owner, word = place.owner, word_at(place, index)
    if owner is None or word is None:
        return
    if word.write(actor, place if line is None else line):
        owner.loses(actor, [word], f"{actor.name} writes to {place.name}, which is no longer its storage")
    if owner.copying.progress:
        for target in owner.copying.unfinished(word.index, place):
            word.tear(target, torn=True)


def dma_load(actor: Actor, place: Place, index: int) -> bool:
    """A device reads a word; whether it is the newest version of it, in time."""
    return load(actor, place, index, cached=False)


def dma_store(actor: Actor, place: Place, index: int) -> None:
    """A device writes a word."""
    store(actor, place, index, cached=False)


def copy(word: Word, source: Place, target: Place) -> bool:
    """The CPU copies a word that it has loaded from ``source``; whether a write is lost by that."""
    if not source.lines and not target.lines:
        return word.copy(source, target)
    line = line_at(target, word.index)
    if line is not None:
        line.fill()
        line.dirty = True
    origin = line_at(source, word.index)
    return word.copy(source if origin is None else origin, target if line is None else line)
