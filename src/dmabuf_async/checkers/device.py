"""V0, V14, P6: device translations lead to storage, and devices are used in the order that the protocol gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.machine.attachment import Attachment
from dmabuf_async.machine.iommu import IoPte, IotlbEntry, SetIopte
from dmabuf_async.machine.memory import Alloc, Release
from dmabuf_async.machine.storage import Switch

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.marks import Mark
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.translations import Translation

EARLIER: Final = frozenset({"stale-pte", "stale-tlb"})
"""Codes that come first where several kinds of translation lead to a frame at one step (PROTOCOL 4)."""


class StaleIotlb(Checker):
    """A device's translation leads to a frame that is no longer its page's.

    An IOPTE: from the moment that the frame is switched away, freed or owned anew, or that the entry is set. An IOTLB
    entry whose IOPTE is gone: at the free, at the reuse, or when it is used.
    """

    __slots__ = ()
    codes = ("stale-iotlb",)
    ops = (Switch, Release, Alloc, SetIopte)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        if isinstance(op, SetIopte):
            page, place = op.thing.page, op.place
            if place is None or page.where is place:
                return None
            return self.found(actor, op.thing, f"sets it to {place.name}, where {page.name} no longer is")
        if isinstance(op, Switch):
            if op.left is None or op.left is op.place:
                return None
            return self.judge(actor, op.left, f"{op.left.name} is switched away", IoPte)
        if isinstance(op, Release):
            return None if op.freed is None else self.judge(actor, op.place, f"{op.place.name} is freed")
        place = result if hasattr(result, "rmap") else None
        return None if place is None else self.judge(actor, place, f"{place.name} is owned anew")

    def judge(
        self, actor: Actor, place: Place, what: str, kind: type[Translation] | tuple[type[Translation], ...] = ()
    ) -> Found | None:
        """What of a device still leads to a frame."""
        entries = [entry for entry, _ in place.rmap.entries]
        if any(entry.CODE in EARLIER for entry in entries):
            return None
        ours = [entry for entry in entries if isinstance(entry, kind or (IoPte, IotlbEntry))]
        if not ours:
            return None
        return self.found(actor, min(ours, key=lambda entry: (entry.KIND, entry.name)), f"{what} by {actor.name}")

    def found(self, actor: Actor, entry: Translation, what: str) -> Found:
        """The finding."""
        if isinstance(entry, IotlbEntry):
            pte, rule, where = entry.pte, "P6", f"the IOTLB of {entry.engine.name}"
        else:
            assert isinstance(entry, IoPte)
            pte, rule, where = entry, "V14", f"the page table of {entry.attachment.device.name}"
        if isinstance(entry, IoPte) and what.startswith("sets"):
            message = f"{actor.name} has an entry in {where} for {pte.page.name}, and {what}"
        else:
            message = f"{what} while {where} still leads there for {pte.page.name}"
        return Found("stale-iotlb", rule, message, actor, (entry,))

    def marked(self, mark: Mark) -> Found | None:
        return Found("stale-iotlb", "P6", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))


class BadState(Checker):
    """A call, or a word of DMA, that the state of the attachment does not allow."""

    __slots__ = ()
    codes = ("bad-state",)

    def marked(self, mark: Mark) -> Found | None:
        # Once there is a notice it is V14 that is broken; all else is the bracket of V0.
        assert isinstance(mark.thing, Attachment)
        rule = "V14" if mark.thing.noticed else "V0"
        return Found("bad-state", rule, f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))
