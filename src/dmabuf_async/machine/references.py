"""References on a buffer: the last put releases it, and nobody takes one from 0 (V15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.storage import Buffer


class TakeReference(Op):
    """dma_buf_get."""

    __slots__ = ("thing",)
    kind = "dma_buf_get"
    thing: Buffer

    def __init__(self, buffer: Buffer) -> None:
        self.thing = buffer

    def apply(self, actor: Actor, outcome: int) -> None:
        buffer = self.thing
        if buffer.references == 0:
            detail = f"takes a reference on {buffer.name}, which has been released"
            buffer.machine.marks.add("use-after-free", actor, buffer, detail)
            return
        buffer.references += 1
        buffer.machine.references(buffer, actor).count += 1

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing, self.thing.machine.references(self.thing, actor))


class DropReference(Op):
    """dma_buf_put; the result says whether it was the last. A task that took none drops the exporter's fd."""

    __slots__ = ("thing",)
    kind = "dma_buf_put"
    thing: Buffer

    def __init__(self, buffer: Buffer) -> None:
        self.thing = buffer

    def apply(self, actor: Actor, outcome: int) -> bool:
        buffer = self.thing
        if buffer.references == 0:
            detail = f"puts a reference on {buffer.name}, which has been released"
            buffer.machine.marks.add("use-after-free", actor, buffer, detail)
            return False
        buffer.references -= 1
        if buffer.references == 0:
            buffer.life.released = True
        own = buffer.machine.references(buffer, actor)
        own.count = max(0, own.count - 1)
        if buffer.references == 0 and buffer.attached.entries:
            device = buffer.attached.entries[0].device.name
            detail = f"puts the last reference on {buffer.name}, to which {device} is still attached"
            buffer.machine.marks.add("use-after-free", actor, buffer, detail)
        return buffer.references == 0

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.attached,) if self.thing.references == 1 else ()

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        buffer = self.thing
        own = buffer.machine.references(buffer, actor)
        return (buffer, own, buffer.life) if buffer.references == 1 else (buffer, own)
