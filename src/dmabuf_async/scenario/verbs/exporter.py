"""What an exporter is asked to do with its buffer."""

from __future__ import annotations

from dmabuf_async.scenario.fields import Name, OnError
from dmabuf_async.scenario.verbs.base import Verb


class SwapOut(Verb, frozen=True, kw_only=True, tag="swap_out"):
    """Ask the exporter to swap the whole buffer out; fails with EBUSY if it is pinned.

    on_error: "ignore" goes on with the next step, "unwind" ends the task in good order.
    """

    buffer: Name
    on_error: OnError = "ignore"


class Reclaim(Verb, frozen=True, kw_only=True, tag="reclaim"):
    """Let memory pressure try to take the storage of a buffer, as reclaim does (rule P12)."""

    buffer: Name
