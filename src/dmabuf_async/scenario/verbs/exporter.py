"""What an exporter is asked to do with its buffer."""

from __future__ import annotations

from typing import Literal, TypeGuard

from dmabuf_async.scenario.fields import Name, OnError
from dmabuf_async.scenario.verbs.base import Verb


class SwapOut(Verb, frozen=True, kw_only=True, tag="swap_out"):
    """Ask the exporter to swap the whole buffer out; fails with EBUSY if it is pinned.

    on_error: "ignore" goes on with the next step, "unwind" ends the task in good order.
    """

    buffer: Name
    on_error: OnError = "ignore"


class Migrate(Verb, frozen=True, kw_only=True, tag="migrate"):
    """Ask the exporter to move the whole buffer to RAM or VRAM; fails with EBUSY if it is pinned, ENOMEM without room.

    to: where. by: the "task" itself, or the exporter's service task "daemon", which is asked and not waited for.
    on_error: "ignore" goes on with the next step, "unwind" ends the task in good order.
    """

    buffer: Name
    to: Literal["ram", "vram"]
    by: Literal["task", "daemon"] = "task"
    on_error: OnError = "ignore"


class Reclaim(Verb, frozen=True, kw_only=True, tag="reclaim"):
    """Let memory pressure try to take the storage of a buffer, as reclaim does (rule P12)."""

    buffer: Name


def asks_service(step: Verb) -> TypeGuard[Reclaim | Migrate]:
    """Whether a step asks the service task of an exporter for something."""
    return isinstance(step, Reclaim) or (isinstance(step, Migrate) and step.by == "daemon")
