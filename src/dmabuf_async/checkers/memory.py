"""Frames, slots and references: used only while they are owned, freed exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from dmabuf_async.checkers.base import Checker, Found

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.marks import Mark


class UseAfterFree(Checker):
    """A frame or slot is copied though it is free, or a released buffer is used."""

    __slots__ = ()
    codes = ("use-after-free",)

    def marked(self, mark: Mark) -> Found | None:
        return Found("use-after-free", "V15", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))


class DoubleFree(Checker):
    """A frame or slot is freed though it is free."""

    __slots__ = ()
    codes = ("double-free",)

    def marked(self, mark: Mark) -> Found | None:
        message = f"{mark.actor.name} frees {mark.thing.name}, which is free already"
        return Found("double-free", "V15", message, mark.actor, (mark.thing,))


class FrameLeak(Checker):
    """At the end every frame and slot is free, or is the storage of a live buffer."""

    __slots__ = ()
    codes = ("frame-leak",)

    def over(self, machine: Machine, actors: Sequence[Actor]) -> Iterable[Found]:
        for zone in machine.zones.values():
            for place in zone.places:
                page = place.owner
                if page is None or (page.where is place and not page.buffer.life.released):
                    continue
                kind = "frame" if zone.resident else "slot"
                if page.where is place:
                    rule, why = "V15", f"is still the storage of {page.name}, though {page.buffer.name} was released"
                else:
                    rule, why = "V6", f"was taken for {page.name}, is not its storage, and is never freed"
                yield Found("frame-leak", rule, f"{kind} {place.name} {why}", place.taker or actors[0], (place,))


class LeakAtExit(Checker):
    """A kernel task that ends has dropped the references that it took, and unmapped and detached its devices."""

    __slots__ = ()
    codes = ("leak-at-exit",)

    def over(self, machine: Machine, actors: Sequence[Actor]) -> Iterable[Found]:
        for taken in sorted(machine.taken.values(), key=attrgetter("buffer.name", "actor.path")):
            if taken.count and not taken.actor.user:
                name = taken.buffer.name
                message = f"{taken.actor.name} ends and still holds a reference on {name}: dma_buf_get without put"
                yield Found("leak-at-exit", "V15", message, taken.actor, (taken.buffer,))
        for device in machine.devices.values():
            for attachment in device.attachments():
                if attachment.actor.user:
                    continue
                who, things = attachment.actor, (attachment,)
                if attachment.direction is not None:
                    message = f"{who.name} ends and has {attachment} still mapped: map_dma_buf without unmap_dma_buf"
                    yield Found("leak-at-exit", "V0", message, who, things)
                elif attachment.linked:
                    message = f"{who.name} ends and has {device.name} still attached to {attachment.buffer.name}"
                    yield Found("leak-at-exit", "V15", message, who, things)
                elif any(pte.place is not None for pte in attachment.ioptes):
                    message = f"{who.name} ends and IOPTEs of {device.name} still lead to {attachment.buffer.name}"
                    yield Found("leak-at-exit", "V0", message, who, things)
        for mm in machine.mms.values():
            for vma in mm.vmas if mm.users == 0 else ():
                message = f"{mm.name} has ended, and {vma.name} still maps {vma.buffer.name}: exit without munmap"
                actor = next((one for one in actors if one.name == mm.name), actors[0])
                yield Found("leak-at-exit", "V15", message, actor, (vma.buffer,))
