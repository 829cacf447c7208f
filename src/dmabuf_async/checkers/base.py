"""What a checker is: it watches what happened and may state a finding. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.marks import Mark
    from dmabuf_async.ops import Op
    from dmabuf_async.thing import Thing


class Found(NamedTuple):
    """A rule was broken; the core adds when and where."""

    code: str
    rule: str
    message: str
    actor: Actor
    things: tuple[Thing, ...] = ()
    others: tuple[Actor, ...] = ()
    """Actors that share in it: the other members of a deadlock."""


class Checker:
    """Base of all checkers: each method looks at one kind of moment, and by default sees nothing.

    A checker has no memory of its own: what it has to remember is kept by the machine
    (pins, mappings), and so belongs to the state and to footprints. What it reads to
    judge a step must be in the footprint of the op; audit mode checks that.
    """

    __slots__ = ()
    codes: ClassVar[tuple[str, ...]]
    """The codes that it may state; :data:`~dmabuf_async.checkers.catalogue.CODES` has the pages for them."""
    ops: ClassVar[tuple[type[Op], ...]] = ()
    """Classes of ops after which :meth:`performed` is called."""

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        """``actor`` has performed ``op``."""

    def marked(self, mark: Mark) -> Found | None:
        """The machine marked the step with one of ``codes``."""

    def called(self, machine: Machine, actor: Actor, op: Op) -> Found | None:
        """``actor`` stands before ``op``, which may sleep or wait."""

    def failed(self, actor: Actor, error: BaseException) -> Found | None:
        """``actor`` ended by an exception that nobody handled."""

    def over(self, machine: Machine, actors: Sequence[Actor]) -> Iterable[Found]:
        """All tasks have ended, none of them in a deadlock."""
        return ()
