"""Access to a word of a frame: by a CPU, or by a device.

Whoever gets there (a kernel mapping, a TLB entry, an IOTLB entry) has the frame already; what it finds there is
whatever the frame holds, whoever owns it by now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.storage import Word
    from dmabuf_async.thing import Thing


def word_at(place: Place, index: int) -> Word | None:
    """The word that lies there: of the page that owns the frame; None in a free frame, or beyond the page."""
    owner = place.owner
    return None if owner is None or index >= len(owner.words) else owner.words[index]


def touched(place: Place, index: int) -> tuple[Thing, ...]:
    """What an access there reads, or writes if it is a store; who owns ``place`` is read too."""
    word = word_at(place, index)
    return () if word is None else (word,)


def load(actor: Actor, place: Place, index: int) -> bool:  # noqa: ARG001 - caches will ask who
    """A CPU reads a word; whether it is the newest version of it."""
    word = word_at(place, index)
    return word is not None and place in word.newest


def store(actor: Actor, place: Place, index: int) -> None:  # noqa: ARG001 - caches will ask who
    """A CPU writes a word."""
    word = word_at(place, index)
    if word is not None:
        word.newest = frozenset((place,))


def dma_load(actor: Actor, place: Place, index: int) -> bool:
    """A device reads a word; whether it is the newest version of it."""
    return load(actor, place, index)


def dma_store(actor: Actor, place: Place, index: int) -> None:
    """A device writes a word."""
    store(actor, place, index)
