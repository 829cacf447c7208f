"""V1, V2, V6, V7: access needs a pin of one's own, and what is pinned does not move."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.machine.kmap import (
    AtomicKmapCall,
    Map,
    MapAtomic,
    MapLoad,
    MapStore,
    SleepingKmapCall,
    Unmap,
    UnmapAtomic,
)
from dmabuf_async.machine.memory import Release
from dmabuf_async.machine.storage import Switch

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.marks import Mark
    from dmabuf_async.machine.storage import Buffer, Page


class AccessWithoutBacking(Checker):
    """kmap, each access through it, and kunmap need a pin of the same task, and the page in memory."""

    __slots__ = ()
    codes = ("access-without-backing",)
    ops = (SleepingKmapCall, AtomicKmapCall, Map, MapAtomic, MapLoad, MapStore, Unmap, UnmapAtomic)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        cls = op.__class__
        if cls is SleepingKmapCall or cls is AtomicKmapCall:
            mapping, verb = result, f"calls {op.kind} on"
        elif cls is MapLoad or cls is MapStore:
            mapping, verb = op.thing, "loads" if cls is MapLoad else "stores to"
        elif cls is Map or cls is MapAtomic:
            mapping, verb = op.mapping, "maps"
        else:
            mapping, verb = op.mapping, f"calls {op.kind} on"
        page = mapping.page
        if page is None:
            return None  # bad-range
        pins = mapping.buffer.pins.get(actor)
        if not pins.covers(page.index):
            if pins.refused:
                return None  # bad-range
            # Who pins other pages of the buffer has gone beyond its range (V3).
            rule = "V3" if pins.ranges else "V1"
            message = f"{actor.name} {verb} {page.name} without get_backing_storage over that page"
        elif (cls is Map or cls is MapAtomic) and not op.mapping.leads_to_memory():
            rule, message = "V1", f"{actor.name} maps {page.name}, which get_backing_storage left out of memory"
        else:
            return None
        return Found("access-without-backing", rule, message, actor, (page,))


class BadRange(Checker):
    """A range that is not one is refused with EINVAL, and a driver must not ignore that."""

    __slots__ = ()
    codes = ("bad-range",)
    ops = (SleepingKmapCall, AtomicKmapCall)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        buffer: Buffer = op.thing
        if result.page is None:
            message = f"{actor.name} maps page {op.index} of {buffer.name}, which has {len(buffer.pages)}"
        else:
            pins = buffer.pins.get(actor)
            if not pins.refused or pins.covers(op.index):
                return None
            message = f"{actor.name} maps {result.page.name} though its get_backing_storage was answered EINVAL"
        return Found("bad-range", "V2", message, actor, (buffer,))

    def marked(self, mark: Mark) -> Found | None:
        if mark.detail:
            return Found("bad-range", "P11", f"{mark.actor.name} {mark.detail}", mark.actor, (mark.thing,))
        message = f"{mark.actor.name} puts a range of {mark.thing.name} that get_backing_storage refused with EINVAL"
        return Found("bad-range", "V2", message, mark.actor, (mark.thing,))


class MovedWhilePinned(Checker):
    """Between get and put the exporter must not move the range: stated at the switch or the free.

    So too while a device has it mapped whose mappings cannot be revoked.
    """

    __slots__ = ()
    codes = ("moved-while-pinned",)
    ops = (Switch, Release)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        page: Page
        if isinstance(op, Switch):
            page, what = op.thing, f"switches it to {op.describe().split(' to ')[-1]}"
        elif op.freed is not None and op.freed.where is op.place:
            page, what = op.freed, f"frees {op.place.name} under it"
        else:
            return None
        holders = [holder.name for holder in page.buffer.pins.holders(page.index)]
        holders += [f"a mapping for {one.device.name}" for one in page.buffer.attached.entries if one.pins(page)]
        if not holders:
            return None
        names = " and ".join(dict.fromkeys(holders))
        message = f"{page.name} is pinned by {names}, and {actor.name} {what}"
        return Found("moved-while-pinned", "V7", message, actor, (page,))


class UnbalancedPut(Checker):
    """A put must match an outstanding get of the same task and range."""

    __slots__ = ()
    codes = ("unbalanced-put",)

    def marked(self, mark: Mark) -> Found | None:
        message = f"{mark.actor.name} puts {mark.thing.name} without an outstanding get of that range"
        return Found("unbalanced-put", "V6", message, mark.actor, (mark.thing,))


class PinLeak(Checker):
    """A kernel task that ends has put what it got."""

    __slots__ = ()
    codes = ("pin-leak",)

    def over(self, machine: Machine, actors: Sequence[Actor]) -> Iterable[Found]:
        for buffer in machine.buffers.values():
            # In which order they were asked for differs between executions that do the same.
            for actor in sorted(buffer.pins.of, key=attrgetter("path")):
                pins = buffer.pins.of[actor]
                if pins.ranges and not actor.user:
                    times = "" if len(pins.ranges) == 1 else f" {len(pins.ranges)} times"
                    message = f"{actor.name} ends and still pins {buffer.name}{times}: get without put"
                    yield Found("pin-leak", "V7", message, actor, (buffer,))
