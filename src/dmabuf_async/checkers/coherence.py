"""Versions of words: nobody reads an old one that knows of a newer, and no write gets lost (PROTOCOL 4).

Both go by synchronisation order, which the machine keeps with each word (machine/word.py). What is concurrent is
nobody's mistake here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.checkers.base import Checker, Found

if TYPE_CHECKING:
    from dmabuf_async.machine.marks import Mark


class StaleRead(Checker):
    """A read returns a version though a later write comes before the read."""

    __slots__ = ()
    codes = ("stale-read",)

    def marked(self, mark: Mark) -> Found | None:
        return Found("stale-read", "V8", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))


class LostWrite(Checker):
    """The last copy of a write is destroyed, and what survives comes before it."""

    __slots__ = ()
    codes = ("lost-write",)

    def marked(self, mark: Mark) -> Found | None:
        # A line that is written back or dropped is about kmap and kunmap; all else is about moving.
        rule = "V8" if mark.thing.KIND == "line" else "P5"
        return Found("lost-write", rule, mark.detail, mark.actor, (mark.thing,))


class TornCopy(Checker):
    """A word was written after it had been copied and before the last was, and the exporter switches to the copy."""

    __slots__ = ()
    codes = ("torn-copy",)

    def marked(self, mark: Mark) -> Found | None:
        return Found("torn-copy", "P2", mark.detail, mark.actor, (mark.thing,))
