"""Get off this buffer, now": the ops of a revoke, on both sides (V14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.machine.attachment import AttachmentOp, AttachmentWait
from dmabuf_async.machine.order import release
from dmabuf_async.ops import Op

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.device import Device
    from dmabuf_async.thing import Thing


class Notify(Op):
    """The exporter tells the importer to let go. Telling it again changes nothing."""

    __slots__ = ("thing", "told")
    kind = "notify"
    wakes = True
    thing: Device

    def __init__(self, attachment: Attachment) -> None:
        self.told = attachment
        self.thing = attachment.device  # whose driver may be waiting for notices

    def apply(self, actor: Actor, outcome: int) -> None:
        attachment, device = self.told, self.told.device
        release(actor, attachment)
        if attachment.noticed:
            return
        attachment.noticed = True
        if device.revoke == "later":
            device.notices = (*device.notices, attachment)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.told, self.told.device)

    def describe(self) -> str:
        return f"notify {self.told.device.name}: let go of {self.told.buffer.name}"


class Answer(AttachmentOp):
    """The importer says that its device has stopped, and leads to the buffer no more."""

    __slots__ = ()
    kind = "answer"
    wakes = True

    def apply(self, actor: Actor, outcome: int) -> None:
        attachment = self.thing
        transfer = attachment.remaining()
        if transfer is not None:
            words = f"a dma {transfer.verb} of {transfer.page.name} has words left"
            self.misused(actor, f"answers the revoke of {attachment} while {words}")
        attachment.answered = True
        release(actor, attachment)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.transfers

    def describe(self) -> str:
        return f"answer: {self.thing.device.name} has let go of {self.thing.buffer.name}"


class WaitAnswer(AttachmentWait):
    """Wait for the importer's answer to a notice."""

    __slots__ = ()
    kind = "wait answer"

    def enabled(self, actor: Actor) -> bool:
        return self.thing.answered

    def describe(self) -> str:
        return f"wait answer that {self.thing.device.name} has let go of {self.thing.buffer.name}"

    def blockers(self, actor: Actor) -> tuple[Actor, ...] | None:
        server = self.thing.device.server
        return None if server is None else (server,)  # else it comes from whoever has told the driver


class Readmit(AttachmentOp):
    """The move is over: the importer may map again."""

    __slots__ = ()
    kind = "readmit"
    wakes = True

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.noticed = self.thing.answered = False
        release(actor, self.thing)

    def describe(self) -> str:
        return f"let {self.thing.device.name} map {self.thing.buffer.name} again"


class Noticed(AttachmentOp):
    """Whether the importer has been told to let go, and not yet that it may map again."""

    __slots__ = ()
    kind = "noticed"

    def apply(self, actor: Actor, outcome: int) -> bool:
        return self.thing.noticed

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return ()

    def describe(self) -> str:
        return f"look whether {self.thing.device.name} was told to let go of {self.thing.buffer.name}"


class WaitReadmitted(AttachmentWait):
    """Wait until the move that the importer was told of is over."""

    __slots__ = ()
    kind = "wait readmitted"

    def enabled(self, actor: Actor) -> bool:
        return not self.thing.noticed

    def describe(self) -> str:
        return f"wait leave for {self.thing.device.name} to map {self.thing.buffer.name}"
