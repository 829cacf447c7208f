"""The thing: one object of the machine, the unit of footprints and of state."""

from __future__ import annotations

from binascii import crc32
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor


def key_of(name: str) -> int:
    """A number for a name: the same in every process, which ``hash`` of a text is not."""
    data = name.encode()
    return crc32(data) << 32 | crc32(data, 0x9E3779B9)


class Thing:
    """One object of the simulated hardware or kernel, or of what is owed (pins, references).

    ``STATE`` names the fields that can matter from here on; their values are
    immutable, so that state can be saved, hashed and put back by reference. ``MEMORY`` names
    those that matter to checkers alone. All other fields are bookkeeping, or never change.
    """

    __slots__ = ("fingerprint", "initial", "key", "name", "past", "pending", "relative")
    STATE: ClassVar[tuple[str, ...]] = ()
    MEMORY: ClassVar[tuple[str, ...]] = ("past",)
    """Fields that only checkers read: put back with the state, and never in the fingerprint."""
    SYNCHRONISES: ClassVar[bool] = False
    """It is an actor, or actors synchronise by it: its ``past`` grows."""
    KIND: ClassVar[str] = "object"
    """The class of the object, as signatures of findings name it."""
    changing: ClassVar[tuple[str, ...]] = ()
    """The fields of both, but for the past, which all have."""
    state_of: ClassVar[Any]
    """The state of a thing, as a function that is not bound to it: quicker than a method."""
    memory_of: ClassVar[Any] = attrgetter("past")
    """And what checkers remember of it."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.STATE:
            cls.state_of = attrgetter(*cls.STATE)
        cls.memory_of = attrgetter(*cls.MEMORY)
        cls.changing = (*cls.STATE, *(field for field in cls.MEMORY if field != "past"))

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = key_of(f"{self.KIND} {name}")
        self.past = 0  # what came before it in synchronisation order: see machine.order
        self.pending: list[Actor] = []  # actors whose next op's condition reads this; kept by the core
        self.fingerprint = 0  # hash of (key, state) at the last step that wrote it
        self.initial: Any = None

    def rename(self, name: str) -> None:
        """Give it the name, and so the key, that it has in every execution."""
        self.name = name
        self.key = key_of(f"{self.KIND} {name}")

    def __hash__(self) -> int:
        return self.key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def state(self) -> Any:
        """The values of ``STATE``: hashable, and enough to :meth:`restore`."""
        return type(self).state_of(self)

    def restore(self, state: Any) -> None:
        """Put back what :meth:`state` returned."""
        fields = self.STATE
        if len(fields) == 1:
            setattr(self, fields[0], state)
        else:
            for field, value in zip(fields, state, strict=True):
                setattr(self, field, value)

    def recall(self, memory: Any) -> None:
        """Put back what ``memory_of`` returned."""
        fields = self.MEMORY
        if len(fields) == 1:
            setattr(self, fields[0], memory)
        else:
            for field, value in zip(fields, memory, strict=True):
                setattr(self, field, value)
