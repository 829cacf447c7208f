"""Where an actor is in its program, for reports and for signatures of findings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor


def function(actor: Actor) -> str:
    """The innermost async function that the actor is suspended in; empty once it has ended."""
    if actor.entry is not None:
        return actor.entry.function
    inner: Any = actor.coroutine
    name = ""
    while inner is not None and hasattr(inner, "cr_code"):
        if inner.cr_frame is None:
            return name
        name = inner.cr_code.co_qualname
        inner = inner.cr_await
    return name.replace("<locals>.", "")


def site(actor: Actor) -> str:
    """The scenario step, if it has one, and the function; never a line."""
    return ": ".join(filter(None, (actor.site, function(actor))))


def role(name: str) -> str:
    """The name of an actor without the numbers of children: ``work/copy.1`` is ``work/copy``."""
    return re.sub(r"[/.]\d+(?=/|$)", "", name)
