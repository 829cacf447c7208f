"""The moments at which device access is asked for and given back; what is out of order is marked (V0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dmabuf_async.machine.attachment import AttachmentOp
from dmabuf_async.ops import Op

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.device import Device
    from dmabuf_async.machine.storage import Buffer
    from dmabuf_async.thing import Thing


class AttachCall(Op):
    """dma_buf_attach is called."""

    __slots__ = ("device", "thing")
    kind = "dma_buf_attach"
    parks = sleeps = True
    thing: Buffer

    def __init__(self, buffer: Buffer, device: Device) -> None:
        self.thing = buffer
        self.device = device

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.used_by(actor)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.life,)

    def describe(self) -> str:
        return f"dma_buf_attach({self.thing.name}, {self.device.name})"


class _Call(AttachmentOp):
    __slots__ = ()
    parks = sleeps = True

    def apply(self, actor: Actor, outcome: int) -> Any:
        attachment = self.thing
        attachment.buffer.used_by(actor)
        if not attachment.linked:
            self.misused(actor, f"calls {self.kind} on an attachment of {attachment} that is detached")
        else:
            self.check(actor)

    def check(self, actor: Actor) -> None:
        raise NotImplementedError

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.buffer.life, *self.thing.transfers)

    def describe(self) -> str:
        return f"{self.kind}({self.thing.buffer.name}, {self.thing.device.name})"


class DetachCall(_Call):
    """dma_buf_detach is called: by then nothing is mapped."""

    __slots__ = ()
    kind = "dma_buf_detach"

    def check(self, actor: Actor) -> None:
        if self.thing.direction is not None:
            self.misused(actor, f"detaches {self.thing.device.name} from {self.thing.buffer.name}, still mapped")


class MapCall(_Call):
    """map_dma_buf is called: of an attachment that is there and has no mapping."""

    __slots__ = ("direction",)
    kind = "map_dma_buf"

    def __init__(self, attachment: Attachment, direction: str) -> None:
        super().__init__(attachment)
        self.direction = direction

    def check(self, actor: Actor) -> None:
        if self.thing.direction is not None:
            self.misused(actor, f"maps {self.thing}, which is mapped already")

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return ()

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.thing.buffer.life)

    def describe(self) -> str:
        return f"map_dma_buf({self.thing.buffer.name}, {self.thing.device.name}, {self.direction})"


class UnmapCall(_Call):
    """unmap_dma_buf is called: of what is mapped, by one alone, and when all words have been made.

    The result is the direction of the mapping; None if there is none.
    """

    __slots__ = ()
    kind = "unmap_dma_buf"

    def apply(self, actor: Actor, outcome: int) -> str | None:
        super().apply(actor, outcome)
        return self.thing.direction

    def check(self, actor: Actor) -> None:
        attachment = self.thing
        transfer = attachment.remaining()
        if attachment.direction is None or attachment.leaving:
            self.misused(actor, f"unmaps {attachment}, which is unmapped already")
        elif transfer is not None:
            words = f"a dma {transfer.verb} of {transfer.page.name} has words left"
            self.misused(actor, f"unmaps {attachment} while {words}")
        if attachment.direction is not None:
            attachment.leaving = True
