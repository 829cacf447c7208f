"""A snapshot of a live execution: what people may look at between two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.checkers.locking import blockers
from dmabuf_async.engine.site import site
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.snapshot import (
    ActorView,
    BufferView,
    CopyView,
    KmapView,
    PageView,
    SharedView,
    Snapshot,
    ZoneView,
)

if TYPE_CHECKING:
    from collections.abc import Mapping as Dict

    from dmabuf_async.engine.core import Core
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.kmap import Mapping
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.storage import Buffer, Page


def snapshot(core: Core) -> Snapshot:
    """Everything that can be seen of an execution now, as plain data.

    To be taken between two steps, when whoever made the last one stands before its
    next op: from a strategy's ``choose``, or after :meth:`Core.resume` of a hosted actor.
    ``Watch.on_step`` is too early for that: the actor still stands before the op that it has
    performed, and who waited for it has not been asked again.
    """
    machine = core.machine
    taken = _taken(machine)
    return Snapshot(
        step=core.steps,
        now=machine.clock.now,
        actors=tuple(_actor(core, actor) for actor in sorted(core.actors, key=lambda actor: actor.path)),
        buffers=tuple(_buffer(buffer, taken) for buffer in machine.buffers.values()),
        zones=(*_zones(machine), _slots(machine)),
        shared=tuple(_shared(machine)),
        stopped=core.stopped,
    )


# Actors ------------------------------------------------------------------------


def _actor(core: Core, actor: Actor) -> ActorView:
    machine, op, cpu, error = core.machine, actor.op, actor.cpu, actor.failure
    blocked = not actor.ended and not actor.ready
    idle = blocked and core.idles(actor)
    state = "ended" if actor.ended else "idle" if idle else "blocked" if blocked else "ready"
    mutexes = (thing for thing in machine.things.values() if isinstance(thing, Mutex))
    return ActorView(
        name=actor.name,
        cpu=None if cpu is None else cpu.number,
        state=state,
        op="" if op is None else op.describe(),
        waits_for=_waits_for(actor) if state == "blocked" else "",
        locks=tuple(mutex.name for mutex in mutexes if mutex.owner is actor),
        pins=tuple(_pins(machine, actor)),
        kmaps=tuple(_page_name(mapping) for mapping in machine.kmaps.mappings if mapping.actor is actor),
        atomic=cpu is not None and cpu.owner() is actor,
        stuck=actor.stuck,
        failure="" if error is None else ": ".join(filter(None, (type(error).__name__, str(error)))),
        site=site(actor),
    )


def _waits_for(actor: Actor) -> str:
    op, cpu = actor.op, actor.cpu
    givers = blockers(actor)
    names = " and ".join(dict.fromkeys(f"{giver.name}{' (ended)' * giver.ended}" for giver in givers or ()))
    if cpu is not None and cpu.owner() not in {None, actor}:
        return f"{cpu.name}, kept atomic by {names}"
    if op is None:
        return ""
    thing = op.thing
    if isinstance(thing, Cell):
        return f"{op.describe().removeprefix('wait ')}, it is {thing.value!r}"
    words = {
        "mutex": f"{thing.name}, held by {names}",
        "kmap slots": f"a kmap slot, held by {names}",
        "group": f"the end of {names}",
        "clock": "time to pass",
    }
    return words.get(thing.KIND, op.describe())


def _pins(machine: Machine, actor: Actor) -> list[str]:
    found = []
    for buffer in machine.buffers.values():
        pins = buffer.pins.of.get(actor)
        for first, end in () if pins is None else pins.ranges:
            found.append(_range(buffer, first, end))
    return found


def _range(buffer: Buffer, first: int, end: int) -> str:
    if (first, end) == (0, len(buffer.pages)):
        return buffer.name
    return f"{buffer.name}[{first}]" if end == first + 1 else f"{buffer.name}[{first}..{end - 1}]"


def _page_name(mapping: Mapping) -> str:
    return f"{mapping.buffer.name}[?]" if mapping.page is None else mapping.page.name


# Buffers -----------------------------------------------------------------------


def _taken(machine: Machine) -> dict[Page, list[Place]]:
    """The places that each page owns: its storage, and those of a move."""
    taken: dict[Page, list[Place]] = {}
    for zone in machine.zones.values():
        for place in zone.places:
            if place.owner is not None:
                taken.setdefault(place.owner, []).append(place)
    return taken


def _buffer(buffer: Buffer, taken: Dict[Page, list[Place]]) -> BufferView:
    owner = None if buffer.lock is None else buffer.lock.owner
    exporter = buffer.exporter
    return BufferView(
        name=buffer.name,
        exporter="" if exporter is None else getattr(exporter, "name", type(exporter).__name__),
        references=buffer.references,
        lock="" if owner is None else owner.name,
        pages=tuple(_page(page, taken.get(page, [])) for page in buffer.pages),
    )


def _page(page: Page, taken: list[Place]) -> PageView:
    where = page.where
    return PageView(
        where="" if where is None else where.name,
        resident=where is not None and where.zone.resident,
        words=len(page.words),
        newest=0 if where is None else _newest(page, where),
        pins=tuple(holder.name for holder in page.buffer.pins.holders(page.index)),
        kmaps=tuple(_kmap(m) for m in page.buffer.machine.kmaps.mappings if m.page is page),
        moves=tuple(CopyView(place.name, _newest(page, place)) for place in taken if place is not where),
    )


def _newest(page: Page, place: Place) -> int:
    return sum(place in word.newest for word in page.words)


def _kmap(mapping: Mapping) -> KmapView:
    place = "" if mapping.place is None else mapping.place.name
    return KmapView(mapping.actor.name, place, mapping.atomic, stale=not mapping.leads())


# What is finite, and what is shared ------------------------------------------------


def _zones(machine: Machine) -> list[ZoneView]:
    views = []
    for zone in machine.zones.values():
        total, free = len(zone.places), 0 if zone.free is None else zone.free.count
        owners = tuple("" if place.owner is None else place.owner.name for place in zone.places)
        views.append(ZoneView(zone.name, total - free, total, owners))
    return views


def _slots(machine: Machine) -> ZoneView:
    pool = machine.kmaps
    places = (m.place for m in pool.mappings if not m.atomic and m.place is not None and m.place.zone.highmem)
    return ZoneView(pool.name, pool.used, pool.limit, tuple(dict.fromkeys(place.name for place in places)))


def _shared(machine: Machine) -> list[SharedView]:
    views = []
    for thing in machine.things.values():
        if isinstance(thing, Mutex):
            views.append(SharedView(thing.name, thing.KIND, "" if thing.owner is None else thing.owner.name))
        elif isinstance(thing, Cell):
            views.append(SharedView(thing.name, thing.KIND, repr(thing.value)))
    return views
