"""DMA in flight: a transfer is started, makes one op a word, completes, and is waited for (V0).

Its parts are ordered: the start before each of its words, these before its completion, which comes before the wait for
it. A stop of the device, too, comes after the words that it has let through.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.machine.access import dma_load, dma_load_touches, dma_store, dma_store_touches
from dmabuf_async.machine.order import acquire, release
from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dmabuf_async.machine.access import Touched
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.device import Engine, Ring
    from dmabuf_async.machine.iommu import IotlbEntry
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.storage import Page

FREE: Final = "free"
FLYING: Final = "in flight"
DONE: Final = "done"
STOPPED: Final = "stopped"


class Transfer(Thing):
    """One DMA of some words of a page, by one engine. ``left`` words are still to be made.

    ``status``: ``free`` (it is nobody's), ``in flight``, ``done`` or ``stopped``; the last two until it is waited
    for. ``queued``: the engine has been told and has not retired it.
    """

    __slots__ = ("attachment", "engine", "left", "page", "queued", "status", "words", "writes")
    STATE = ("status", "left", "queued")
    KIND = "transfer"

    def __init__(
        self, attachment: Attachment, engine: Engine, page: Page, words: tuple[int, ...], writes: bool, name: str
    ) -> None:
        super().__init__(name)
        self.attachment = attachment
        self.engine = engine
        self.page = page
        self.words = words
        self.writes = writes  # into memory: a camera does
        self.status = FREE
        self.left = 0
        self.queued = False
        self.initial = self.state()

    @property
    def verb(self) -> str:
        """``write`` or ``read``."""
        return "write" if self.writes else "read"

    def maker(self) -> Actor | None:
        """Who alone can end it, the engine; None if that can't be told: a revoke may stop it, too."""
        return None if self.attachment.device.revoke == "at once" else self.engine.actor

    def doorbell(self) -> Doorbell:
        """Tell the engine."""
        return Doorbell(self)

    def wait(self) -> WaitForDma:
        """Wait until it is over; the result says whether it was completed, and not stopped."""
        return WaitForDma(self)

    def entry(self) -> IotlbEntry:
        """What the engine's IOTLB has for its page."""
        return self.attachment.iotlb(self.engine)[self.page.index]

    def reset(self) -> None:
        """Back to before it was ever started."""
        self.restore(self.initial)
        self.fingerprint = self.past = 0
        self.pending.clear()


class Start(Op):
    """A driver makes a transfer ready. Unless ``blindly``, the result is None when the mapping is not there for it."""

    __slots__ = ("blindly", "engine", "page", "thing", "words", "write")
    kind = "dma start"
    wakes = True
    thing: Attachment

    def __init__(
        self, attachment: Attachment, engine: Engine, page: Page, words: tuple[int, ...], write: bool, blindly: bool
    ) -> None:
        self.thing = attachment
        self.engine = engine
        self.page = page
        self.words = words
        self.write = write
        self.blindly = blindly

    def _slots(self) -> Iterator[Transfer]:
        """The transfers of this kind: those in use, and then the first that is free."""
        for number in count():
            transfer = self.thing.transfer(self.engine, self.page, self.words, self.write, number)
            yield transfer
            if transfer.status == FREE and not transfer.queued:
                return

    def apply(self, actor: Actor, outcome: int) -> Transfer | None:
        attachment = self.thing
        if not self.blindly and not attachment.usable():
            return None
        *_, transfer = self._slots()
        transfer.status, transfer.left = FLYING, len(self.words)
        attachment.transfers = (*attachment.transfers, transfer)
        transfer.past = 0
        release(actor, transfer)
        return transfer

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        *used, _ = self._slots()
        return tuple(used)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        *_, transfer = self._slots()
        return (self.thing, transfer)

    def describe(self) -> str:
        return f"start dma {'write' if self.write else 'read'} of {self.page.name} by {self.engine.name}"


class Doorbell(Op):
    """The engine is told of a transfer."""

    __slots__ = ("thing", "transfer")
    kind = "doorbell"
    wakes = True
    thing: Ring

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.thing = transfer.engine.ring

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.queue = (*self.thing.queue, self.transfer)
        self.transfer.queued = True

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.transfer)

    def describe(self) -> str:
        return f"ring the doorbell of {self.transfer.engine.name}"


class Word(Op):
    """One DMA word, translated and accessed: IOTLB, or IOPTE and fill.

    The result is the frame; None after a fault, and False if the transfer was stopped, which does nothing.
    """

    __slots__ = ("thing", "word")
    kind = "dma"
    thing: Transfer

    def __init__(self, transfer: Transfer, word: int) -> None:
        self.thing = transfer
        self.word = word

    def _leads(self) -> tuple[Place | None, bool]:
        """Where the device gets, and whether it has to walk for that."""
        transfer = self.thing
        for translation, walks in ((transfer.entry(), False), (transfer.attachment.ioptes[transfer.page.index], True)):
            if translation.place is not None and (translation.writable or not transfer.writes):
                return translation.place, walks
        return None, False

    def apply(self, actor: Actor, outcome: int) -> Any:
        transfer = self.thing
        if transfer.status != FLYING:
            return False
        transfer.left -= 1
        attachment, page = transfer.attachment, transfer.page
        marks, what = page.buffer.machine.marks, f"word {self.word} of {page.name}"
        place, walks = self._leads()
        if place is None:
            detail = f"{transfer.verb}s {what}, for which it has no translation: an IOMMU fault"
            marks.add("bad-state", actor, attachment, detail)
            return None
        if walks:
            transfer.entry().lead(place, writable=attachment.ioptes[page.index].writable)
        if page.where is not place:
            detail = f"{transfer.verb}s {what} through a translation to {place.name}, where the page no longer is"
            marks.add("stale-iotlb", actor, transfer.entry(), detail)
        elif place.zone.name == "vram" and not attachment.device.vram:
            marks.add("bad-state", actor, attachment, f"{transfer.verb}s {what} in {place.name}, which it cannot reach")
        elif attachment.direction is None:
            marks.add("bad-state", actor, attachment, f"{transfer.verb}s {what} outside a mapping")
        acquire(actor, transfer)
        (dma_store if transfer.writes else dma_load)(actor, place, self.word)
        release(actor, transfer)
        return place

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        transfer = self.thing
        if transfer.status != FLYING:
            return (transfer,)
        attachment, page = transfer.attachment, transfer.page
        place, _ = self._leads()
        found = () if place is None else self._touches(place).reads
        return (attachment, attachment.ioptes[page.index], transfer.entry(), page, *found)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        transfer = self.thing
        if transfer.status != FLYING:
            return ()
        place, walks = self._leads()
        if place is None:
            return (transfer,)
        filled = (*transfer.entry().touched(), place.rmap) if walks else ()
        return (transfer, *filled, *self._touches(place).writes)

    def _touches(self, place: Place) -> Touched:
        return (dma_store_touches if self.thing.writes else dma_load_touches)(place, self.word)

    def describe(self) -> str:
        return f"dma {self.thing.verb} word {self.word} of {self.thing.page.name}"


class Complete(Op):
    """The engine is through with a transfer: what it made, completes."""

    __slots__ = ("thing", "transfer")
    kind = "dma complete"
    wakes = True
    thing: Attachment

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.thing = transfer.attachment

    def apply(self, actor: Actor, outcome: int) -> None:
        transfer = self.transfer
        transfer.queued = False
        if transfer.status == FLYING:
            transfer.status, transfer.left = DONE, 0
            release(actor, transfer)
            self.thing.transfers = tuple([other for other in self.thing.transfers if other is not transfer])

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.transfer)

    def describe(self) -> str:
        return f"complete dma {self.transfer.verb} of {self.transfer.page.name}"


class WaitForDma(Op):
    """Wait for the completion of a transfer."""

    __slots__ = ("thing", "transfer")
    kind = "dma wait"
    parks = conditional = sleeps = True
    thing: Attachment

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.thing = transfer.attachment

    def enabled(self, actor: Actor) -> bool:
        return self.transfer.status != FLYING

    def apply(self, actor: Actor, outcome: int) -> bool:
        transfer = self.transfer
        done = transfer.status == DONE
        acquire(actor, transfer)
        transfer.status, transfer.left = FREE, 0
        return done

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.transfer,)

    def describe(self) -> str:
        return f"wait completion of dma {self.transfer.verb} of {self.transfer.page.name}"

    def blockers(self, actor: Actor) -> tuple[Actor, ...] | None:
        maker = self.transfer.maker()
        return None if maker is None else (maker,)


class Stop(Op):
    """An engine is stopped: it makes no more words through an attachment."""

    __slots__ = ("engine", "thing")
    kind = "dma stop"
    wakes = True
    thing: Attachment

    def __init__(self, attachment: Attachment, engine: Engine) -> None:
        self.thing = attachment
        self.engine = engine

    def apply(self, actor: Actor, outcome: int) -> None:
        for transfer in self.thing.transfers:
            if transfer.engine is self.engine:
                transfer.status = STOPPED
                acquire(actor, transfer)
        self.thing.transfers = tuple([other for other in self.thing.transfers if other.engine is not self.engine])

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, *self.thing.transfers)

    def describe(self) -> str:
        return f"stop {self.engine.name} on {self.thing.buffer.name}"
