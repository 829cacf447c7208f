"""Marks: what ``apply`` noticed while it did what it was told; checkers name it (DESIGN 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.thing import Thing


class Mark(NamedTuple):
    """One misuse: the code of the finding it will be, who did it, and to what."""

    code: str
    actor: Actor
    thing: Thing
    detail: str


class Marks(list[Mark]):
    """The marks of the step that is being performed."""

    __slots__ = ("wanted",)

    def __init__(self) -> None:
        super().__init__()
        self.wanted = True  # somebody looks at this execution: else nothing has to be remembered for checkers

    def add(self, code: str, actor: Actor, thing: Thing, detail: str = "") -> None:
        """Note a misuse."""
        self.append(Mark(code, actor, thing, detail))
