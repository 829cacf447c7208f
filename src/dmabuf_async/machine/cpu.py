"""CPUs and atomic context: while one is in it, nobody else of that CPU runs (DESIGN 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.thing import Thing

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.kmap import Mapping


class Cpu(Thing):
    """A processor. Its atomic context is the stack of the atomic mappings made on it."""

    __slots__ = ("atomic", "irqs_off", "number")
    STATE = ("atomic", "irqs_off")
    KIND = "cpu"

    def __init__(self, number: int) -> None:
        super().__init__(f"cpu{number}")
        self.number: int | None = number  # None: it runs no tasks of the kernel
        self.atomic: tuple[Mapping, ...] = ()
        self.irqs_off = False

    def closed_to(self, actor: Actor) -> bool:
        """Whether another actor keeps this CPU in atomic context."""
        return bool(self.atomic) and self.atomic[-1].actor is not actor

    def owner(self) -> Actor | None:
        """The actor that keeps this CPU in atomic context."""
        return self.atomic[-1].actor if self.atomic else None
