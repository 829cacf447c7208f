"""Attachments: a device that may map a buffer, what it has mapped, and whether it has been told to let go.

What PROTOCOL V14 asks for lies here as state: a *notice* to each attachment, the importer's *answer* to it (its device
has stopped, and no IOTLB leads to the buffer), and whether the mapping is *gone*. The exporter waits for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dmabuf_async.machine.iommu import FlushIotlb, IoPte, IotlbEntry
from dmabuf_async.machine.order import acquire, release
from dmabuf_async.machine.transfer import Start, Stop, Transfer
from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.device import Device, Engine
    from dmabuf_async.machine.storage import Buffer, Page

DIRECTIONS: Final = ("to_device", "from_device", "bidirectional")
"""Which way data goes in a mapping, as the kernel names it."""


class Attached(Thing):
    """The attachments of one buffer, in the order in which they were made."""

    __slots__ = ("buffer", "entries")
    STATE = ("entries",)
    KIND = "attachments"

    def __init__(self, buffer: Buffer) -> None:
        super().__init__(buffer.name)
        self.buffer = buffer
        self.entries: tuple[Attachment, ...] = ()

    def at(self, index: int) -> Entry:
        """Read one, in the order in which they were made; None beyond the last."""
        return Entry(self, index)

    def link(self, device: Device) -> Link:
        """Add a new one for ``device``, and return it."""
        return Link(self, device)

    def judging(self) -> tuple[Thing, ...]:
        """What whoever moves the buffer is judged by: whether there are mappings that pin it (V7)."""
        return (self, *self.entries)


class Attachment(Thing):
    """One device on one buffer, on behalf of one task.

    ``direction``: of its mapping, one of :data:`DIRECTIONS`; None: it has none. ``claimed``: who is about to
    unmap it, and ``leaving``: unmap_dma_buf has been called. ``transfers``: those in flight through it.
    """

    __slots__ = (
        "_iotlbs", "_transfers", "actor", "answered", "buffer", "claimed", "device", "direction", "ioptes", "leaving",
        "linked", "noticed", "number", "transfers",
    )  # fmt: skip
    STATE = ("linked", "direction", "claimed", "leaving", "noticed", "answered", "transfers")
    KIND = "attachment"

    def __init__(self, device: Device, buffer: Buffer, actor: Actor, number: int) -> None:
        super().__init__(f"{actor.name}.{device.name}.{buffer.name}{f'.{number}' if number else ''}")
        self.device = device
        self.buffer = buffer
        self.actor = actor
        self.number = number
        self.linked = False
        self.direction: str | None = None
        self.claimed: Actor | None = None
        self.leaving = False
        self.noticed = False
        self.answered = False
        self.transfers: tuple[Transfer, ...] = ()
        self.ioptes = tuple(IoPte(self, page) for page in buffer.pages)
        self._iotlbs = {engine: tuple(IotlbEntry(engine, pte) for pte in self.ioptes) for engine in device.engines}
        self._transfers: dict[tuple[Engine, Page, tuple[int, ...], bool, int], Transfer] = {}
        self.initial = self.state()

    def iotlb(self, engine: Engine) -> tuple[IotlbEntry, ...]:
        """What the IOTLB of an engine of its device may hold of it, one entry a page."""
        return self._iotlbs[engine]

    def transfer(self, engine: Engine, page: Page, words: tuple[int, ...], write: bool, number: int) -> Transfer:
        """One of the transfers of a kind: the same object in every execution."""
        key = (engine, page, words, write, number)
        transfer = self._transfers.get(key)
        if transfer is None:
            some = "" if len(words) == len(page.words) else f".{'.'.join(map(str, words))}"
            at = f"[{page.index}]{some}{f'.{engine.name}' if len(self.device.engines) > 1 else ''}"
            name = f"{self.name}{at}.{'write' if write else 'read'}{f'.{number}' if number else ''}"
            transfer = self._transfers[key] = Transfer(self, engine, page, words, write, name)
        return transfer

    def begun(self) -> Iterable[Transfer]:
        """All transfers that there ever were, in other executions too."""
        return self._transfers.values()

    def usable(self) -> bool:
        """Whether a driver that looks may start DMA: it is mapped, nobody unmaps it, no notice has come."""
        return self.direction is not None and not (self.claimed or self.leaving or self.noticed)

    def pins(self, page: Page) -> bool:
        """Whether its mapping keeps the page where it is (V7): one that cannot be revoked does."""
        mapped = self.direction is not None and not self.leaving
        return mapped and not self.device.revocable and page.buffer is self.buffer

    def remaining(self) -> Transfer | None:
        """A transfer in flight of which words remain."""
        return next((transfer for transfer in self.transfers if transfer.left), None)

    def reset(self) -> None:
        """Back to before it was made."""
        self.restore(self.initial)
        self.fingerprint = self.past = 0
        self.pending.clear()
        for translation in (*self.ioptes, *(entry for entries in self._iotlbs.values() for entry in entries)):
            translation.restore(translation.initial)
            translation.fingerprint = translation.past = 0
        for transfer in self._transfers.values():
            transfer.reset()

    # Ops, and coroutines over them ---------------------------------------------------

    async def establish(self, direction: str) -> None:
        """Map all pages where they are now; for exporters, which hold their lock meanwhile."""
        await Establish(self, direction)
        for pte in self.ioptes:
            await pte.set(await pte.page.look(), writable=direction != "to_device")

    async def clear(self) -> None:
        """Take all IOPTEs out. The IOTLBs may still lead to the buffer."""
        for pte in self.ioptes:
            await pte.clear()

    async def wait_gone(self) -> None:
        """Wait until it is not mapped."""
        await WaitGone(self)

    def start(self, engine: Engine, page: Page, words: tuple[int, ...], *, write: bool, blindly: bool = False) -> Start:
        """Make a transfer ready; None unless the mapping is there for it. ``blindly``: without looking."""
        return Start(self, engine, page, words, write, blindly)

    def stop(self, engine: Engine) -> Stop:
        """Let an engine make no more words through it; its transfers in flight are over."""
        return Stop(self, engine)

    def flush(self, engine: Engine) -> FlushIotlb:
        """Let the IOTLB of an engine forget it."""
        return FlushIotlb(engine, self)

    def __str__(self) -> str:
        return f"{self.buffer.name} for {self.device.name}"


class Link(Op):
    """A new attachment is added to those of the buffer."""

    __slots__ = ("device", "thing")
    kind = "attach"
    thing: Attached

    def __init__(self, attached: Attached, device: Device) -> None:
        self.thing = attached
        self.device = device

    def apply(self, actor: Actor, outcome: int) -> Attachment:
        attachment = self.device.attachment(self.thing.buffer, actor)
        attachment.linked = True
        self.thing.entries = (*self.thing.entries, attachment)
        return attachment

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.device.attachment(self.thing.buffer, actor))

    def describe(self) -> str:
        return f"attach {self.device.name} to {self.thing.name}"


class Entry(Op):
    """Whoever walks over the attachments of a buffer reads the next."""

    __slots__ = ("index", "thing")
    kind = "next attachment"
    thing: Attached

    def __init__(self, attached: Attached, index: int) -> None:
        self.thing = attached
        self.index = index

    def apply(self, actor: Actor, outcome: int) -> Attachment | None:
        entries = self.thing.entries
        return entries[self.index] if self.index < len(entries) else None

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"look for attachment {self.index + 1} of {self.thing.name}"

    def worded(self, result: Attachment | None) -> str:
        return "none" if result is None else result.name


class AttachmentOp(Op):
    """An op that acts on one attachment."""

    __slots__ = ("thing",)
    thing: Attachment

    def __init__(self, attachment: Attachment) -> None:
        self.thing = attachment

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def misused(self, actor: Actor, detail: str) -> None:
        """The state that it is in does not allow that."""
        self.thing.buffer.machine.marks.add("bad-state", actor, self.thing, detail)


class Unlink(AttachmentOp):
    """An attachment is taken out of those of its buffer."""

    __slots__ = ()
    kind = "detach"

    def apply(self, actor: Actor, outcome: int) -> None:
        attachment = self.thing
        attachment.linked = False
        table = attachment.buffer.attached
        table.entries = tuple([other for other in table.entries if other is not attachment])

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.thing.buffer.attached)

    def describe(self) -> str:
        return f"detach {self.thing.device.name} from {self.thing.buffer.name}"


class Establish(AttachmentOp):
    """There is a mapping from here on; its IOPTEs are set next."""

    __slots__ = ("direction",)
    kind = "map"
    wakes = True

    def __init__(self, attachment: Attachment, direction: str) -> None:
        super().__init__(attachment)
        self.direction = direction

    def apply(self, actor: Actor, outcome: int) -> None:
        attachment = self.thing
        attachment.direction = self.direction
        attachment.claimed, attachment.leaving = None, False

    def describe(self) -> str:
        return f"map {self.thing}, {self.direction}"


class Claim(AttachmentOp):
    """Whoever gets True, and nobody else, unmaps it now."""

    __slots__ = ()
    kind = "claim"

    def apply(self, actor: Actor, outcome: int) -> bool:
        attachment = self.thing
        acquire(actor, attachment)
        if attachment.direction is None or attachment.claimed or attachment.leaving:
            return False
        attachment.claimed = actor
        release(actor, attachment)
        return True

    def describe(self) -> str:
        return f"claim the unmap of {self.thing}"


class Gone(AttachmentOp):
    """unmap_dma_buf is about to return: there is no mapping any more."""

    __slots__ = ()
    kind = "unmapped"
    wakes = True

    def apply(self, actor: Actor, outcome: int) -> None:
        attachment = self.thing
        attachment.direction = None
        attachment.claimed, attachment.leaving = None, False
        release(actor, attachment)

    def describe(self) -> str:
        return f"unmapped {self.thing}"


class AttachmentWait(AttachmentOp):
    """A wait for something to become of an attachment; whoever brings it about comes before."""

    __slots__ = ()
    parks = conditional = sleeps = True

    def apply(self, actor: Actor, outcome: int) -> None:
        acquire(actor, self.thing)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return ()


class WaitGone(AttachmentWait):
    """Wait until it is not mapped."""

    __slots__ = ()
    kind = "wait unmapped"
    owed = "which {} has begun"

    def enabled(self, actor: Actor) -> bool:
        return self.thing.direction is None

    def describe(self) -> str:
        return f"wait unmap of {self.thing}"

    def blockers(self, actor: Actor) -> tuple[Actor, ...] | None:
        claimed = self.thing.claimed
        return None if claimed is None else (claimed,)  # as long as nobody has claimed it, anybody may


class WaitIdle(AttachmentWait):
    """Wait until no transfer is in flight through it."""

    __slots__ = ()
    kind = "wait idle"
    every = True

    def enabled(self, actor: Actor) -> bool:
        return not self.thing.transfers

    def describe(self) -> str:
        return f"wait end of all dma of {self.thing}"

    def blockers(self, actor: Actor) -> tuple[Actor, ...]:
        makers = (transfer.maker() for transfer in self.thing.transfers)
        return tuple(maker for maker in makers if maker is not None)
