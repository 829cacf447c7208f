"""Device address spaces: IOPTEs, the IOTLB of each engine, and the ops that change them.

An attachment has one IOVA a page of its buffer, with one IOPTE. An engine that goes through it keeps the
translation in its own IOTLB, where it stays usable until it is flushed there (rule P6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.machine.translations import Translation
from dmabuf_async.ops import Op

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.attachment import Attachment
    from dmabuf_async.machine.device import Engine
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.storage import Page
    from dmabuf_async.thing import Thing


class IoPte(Translation):
    """The entry of a device's page table for one page of an attached buffer."""

    __slots__ = ("attachment", "page")
    KIND = "iopte"
    CODE = "stale-iotlb"

    def __init__(self, attachment: Attachment, page: Page) -> None:
        super().__init__(f"{attachment.name}.iopte{page.index}")
        self.attachment = attachment
        self.page = page

    def set(self, place: Place | None, *, writable: bool) -> SetIopte:
        """Let it lead to ``place``."""
        return SetIopte(self, place, writable)

    def clear(self) -> ClearIopte:
        """Take it out; IOTLBs may keep a copy."""
        return ClearIopte(self)


class IotlbEntry(Translation):
    """The copy of an IOPTE that one engine has in its IOTLB."""

    __slots__ = ("engine", "pte")
    KIND = "iotlb"
    CODE = "stale-iotlb"

    def __init__(self, engine: Engine, pte: IoPte) -> None:
        super().__init__(f"{engine.name}.{pte.name}")
        self.engine = engine
        self.pte = pte


class SetIopte(Op):
    """One IOPTE is set."""

    __slots__ = ("place", "thing", "writable")
    kind = "set iopte"
    thing: IoPte

    def __init__(self, pte: IoPte, place: Place | None, writable: bool) -> None:
        self.thing = pte
        self.place = place
        self.writable = writable

    def apply(self, actor: Actor, outcome: int) -> None:
        if self.place is None:
            self.thing.cut()
        else:
            self.thing.lead(self.place, writable=self.writable)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing.page,)  # where the page is by now judges it

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (*self.thing.touched(), *(() if self.place is None else (self.place.rmap,)))

    def describe(self) -> str:
        pte = self.thing
        place = "nothing" if self.place is None else self.place.name
        return (
            f"iopte of {pte.attachment.device.name}: {pte.page.name} = {place}, {'write' if self.writable else 'read'}"
        )


class ClearIopte(Op):
    """One IOPTE is cleared."""

    __slots__ = ("thing",)
    kind = "clear iopte"
    thing: IoPte

    def __init__(self, pte: IoPte) -> None:
        self.thing = pte

    def apply(self, actor: Actor, outcome: int) -> None:
        self.thing.cut()

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.touched()

    def describe(self) -> str:
        return f"clear iopte of {self.thing.attachment.device.name}: {self.thing.page.name}"


class FlushIotlb(Op):
    """The IOTLB of one engine forgets the IOVAs of one attachment."""

    __slots__ = ("attachment", "thing")
    kind = "flush iotlb"
    thing: Engine

    def __init__(self, engine: Engine, attachment: Attachment) -> None:
        self.thing = engine
        self.attachment = attachment

    def apply(self, actor: Actor, outcome: int) -> None:
        for entry in self.attachment.iotlb(self.thing):
            entry.cut()

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return tuple([thing for entry in self.attachment.iotlb(self.thing) for thing in entry.touched()])

    def describe(self) -> str:
        return f"flush iotlb of {self.thing.name}: {self.attachment.buffer.name}"
