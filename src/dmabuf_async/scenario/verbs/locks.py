"""What tasks do with one another: locks, cells, and the passing of time."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from dmabuf_async.scenario.fields import CellValue, Name, OnError, Relation
from dmabuf_async.scenario.verbs.base import Verb


class Lock(Verb, frozen=True, kw_only=True, tag="lock"):
    """Take a mutex; may sleep."""

    mutex: Name


class Unlock(Verb, frozen=True, kw_only=True, tag="unlock"):
    """Give a mutex back."""

    mutex: Name


class Set(Verb, frozen=True, kw_only=True, tag="set"):
    """Store a value in a cell.

    value: an integer of 64 bits.
    """

    cell: Name
    value: CellValue


class Wait(Verb, frozen=True, kw_only=True, tag="wait"):
    """Sleep until a cell stands in a relation to a value.

    is: the relation. value: an integer of 64 bits. interruptible: a signal may end the wait with EINTR; then on_error
    says what follows. on_error: "unwind" ends the task in good order, "ignore" goes on with the next step.
    """

    cell: Name
    is_: Relation = field(name="is", default="==")
    value: CellValue
    interruptible: bool = False
    on_error: OnError = "unwind"


class Sleep(Verb, frozen=True, kw_only=True, tag="sleep"):
    """Sleep for some virtual time.

    ticks: how long, 1 to 1000000.
    """

    ticks: Annotated[int, Meta(ge=1, le=1_000_000)]
