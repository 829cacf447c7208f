"""Properties: what a scenario says must hold in every state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.checkers.base import Checker, Found

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.judged import Always


class AlwaysViolated(Checker):
    """A step made a property false: that is told at the first step which does so."""

    __slots__ = ()
    codes = ("always-violated",)

    def judged(self, actor: Actor, always: Always) -> Found | None:
        """``actor`` has performed a step that may have changed what the property reads."""
        if always.holds():
            return None
        values = always.values()
        told = f"{always.text} no longer holds{values and ': ' + values}"
        return Found("always-violated", "", told, actor, (always, *always.things, *always.shared))
