"""Devices: engines that do DMA, each an actor of its own, and who is asked to let go of a buffer.

An engine stands on a processor of its own, which is what :class:`Engine` is to the scheduler. It takes transfers off
its ring, makes one op a word, and retires them. A device without work never counts as waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.attachment import Attachment
from dmabuf_async.machine.cpu import Cpu
from dmabuf_async.machine.order import acquire
from dmabuf_async.machine.transfer import Complete, Word
from dmabuf_async.ops import Op, settle
from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.storage import Buffer
    from dmabuf_async.machine.transfer import Transfer


class Engine(Cpu):
    """A DMA engine of a device, with an IOTLB of its own (the entries belong to attachments)."""

    __slots__ = ("actor", "device", "ring")
    KIND = "engine"

    def __init__(self, device: Device, number: int) -> None:
        super().__init__(-1 - number)
        self.rename(f"{device.name}.engine{number}")
        self.device = device
        self.ring = Ring(self.name)
        self.actor: Actor | None = None  # which makes the words, once the device is set going

    async def run(self) -> None:
        """The life of the engine."""
        while True:
            await settle("idle", "engine")  # it remembers nothing from one transfer to the next
            await self._serve()

    async def _serve(self) -> None:
        transfer: Transfer = await Fetch(self.ring)
        for word in transfer.words:
            if not await Word(transfer, word):
                break  # a fault, or it was stopped
        await Complete(transfer)


class Ring(Thing):
    """The transfers that an engine has been told of, first come first served."""

    __slots__ = ("queue",)
    STATE = ("queue",)
    KIND = "ring"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.queue: tuple[Transfer, ...] = ()


class Fetch(Op):
    """The engine takes the next transfer off its ring, and waits for one while there is none."""

    __slots__ = ("thing",)
    kind = "fetch"
    parks = conditional = True
    idle: ClassVar[bool] = True
    thing: Ring

    def __init__(self, ring: Ring) -> None:
        self.thing = ring

    def enabled(self, actor: Actor) -> bool:
        return bool(self.thing.queue)

    def apply(self, actor: Actor, outcome: int) -> Transfer:
        transfer, *rest = self.thing.queue
        self.thing.queue = tuple(rest)
        return transfer

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return "fetch the next transfer"


class Device(Thing):
    """A device: its engines, and the notices that its driver has not yet dealt with (V14).

    ``revoke``: how its driver lets go of a buffer that is to move, ``at once``, ``later``, or ``cannot``. ``vram``:
    whether it reaches device memory. ``server``: the task of its driver that lets go ``later``, and nobody else does.
    """

    __slots__ = ("_known", "driver", "engines", "machine", "notices", "revoke", "server", "vram")
    STATE = ("notices",)
    KIND = "device"

    def __init__(self, machine: Machine, name: str, engines: int, revoke: str, *, vram: bool) -> None:
        super().__init__(name)
        self.machine = machine
        self.engines = tuple(Engine(self, number) for number in range(engines))
        self.revoke = revoke
        self.vram = vram
        self.driver: Any = None  # drivers lie above the machine
        self.server: Actor | None = None
        self.notices: tuple[Attachment, ...] = ()
        self._known: dict[tuple[Buffer, Actor, int], Attachment] = {}

    @property
    def revocable(self) -> bool:
        """Whether its mappings can be revoked; if not, each pins the buffer (V7)."""
        return self.revoke != "cannot"

    def serve(self) -> None:
        """Add the actors that its engines are; declared after the tasks, they come last in canonical order."""
        for engine in self.engines:
            engine.actor = self.machine.engine(engine)

    def attachment(self, buffer: Buffer, actor: Actor) -> Attachment:
        """What the next attach by ``actor`` makes: the first that is not in use, the same in every execution."""
        used = {one.number for one in buffer.attached.entries if one.device is self and one.actor is actor}
        number = next(number for number in range(len(used) + 1) if number not in used)
        key = (buffer, actor, number)
        attachment = self._known.get(key)
        if attachment is None:
            attachment = self._known[key] = Attachment(self, buffer, actor, number)
        return attachment

    def attachments(self) -> list[Attachment]:
        """All that there ever were in this execution, in the order in which they were first made."""
        return list(self._known.values())

    def take_notice(self) -> TakeNotice:
        """Wait, idly, for a notice, and return the attachment that it is about."""
        return TakeNotice(self)

    def reset(self) -> None:
        """Back to before anything was attached."""
        for key, attachment in list(self._known.items()):
            attachment.reset()
            if key[1].parent is not None:  # a spawned task is another actor in every execution
                del self._known[key]


class TakeNotice(Op):
    __slots__ = ("thing",)
    kind = "take notice"
    parks = conditional = True
    idle: ClassVar[bool] = True
    thing: Device

    def __init__(self, device: Device) -> None:
        self.thing = device

    def enabled(self, actor: Actor) -> bool:
        return bool(self.thing.notices)

    def apply(self, actor: Actor, outcome: int) -> Attachment:
        attachment, *rest = self.thing.notices
        self.thing.notices = tuple(rest)
        acquire(actor, attachment)
        return attachment

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.notices[:1]  # whoever gave it comes before what is done about it

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def describe(self) -> str:
        return f"take the next notice to {self.thing.name}"
