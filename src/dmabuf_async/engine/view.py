"""A view of a live execution: what people may look at between two steps."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from dmabuf_async.checkers.deadlock import keeper
from dmabuf_async.engine.core import Core
from dmabuf_async.engine.device_view import device_view
from dmabuf_async.engine.site import site
from dmabuf_async.engine.vma_view import vma_views
from dmabuf_async.machine.access import locations
from dmabuf_async.machine.cells import Cell
from dmabuf_async.machine.clock import Clock
from dmabuf_async.machine.locks import AnyLock
from dmabuf_async.machine.rwsem import RwSem
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
from dmabuf_async.ops import Settle, told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Dict

    from dmabuf_async.engine.choosing import Choosing
    from dmabuf_async.engine.watch import Watch
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.kmap import Mapping
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.storage import Buffer, Page
    from dmabuf_async.trace.events import Event, Finding


class View:
    """Looks at one execution from its beginning on, on any engine; made where ``see`` is called.

    To be asked between two steps: from what paces the engine, best when it is :attr:`steady`,
    or from a strategy's ``choose``. Once the execution is over it goes on showing the last state, though
    the actors have been unwound by then.
    """

    def __init__(self, machine: Machine, watch: Watch) -> None:
        self._machine = machine
        self._watch = watch
        self._last: Snapshot | None = None
        watch.on_over = self._keep

    @property
    def over(self) -> bool:
        """Whether the execution came to an end of its own: it was not interrupted."""
        return self._last is not None

    @property
    def steady(self) -> bool:
        """Whether every actor stands before an op: nobody has to be resumed before the next choice."""
        core = self._core()
        return core is not None and not core.started

    def snapshot(self) -> Snapshot:
        """The present state. Before the first actor has been made there are none in it."""
        return self._last or snapshot(self._machine, self._core())

    def events(self, most: int) -> tuple[Event, ...]:
        """The latest steps, at most so many, if the watch keeps a trace.

        The cost is that of what is returned, however long the execution has been.
        """
        steps = self._watch.steps or []
        first = max(0, len(steps) - most)
        return tuple(step.event(number) for number, step in enumerate(steps[first:], first + 1))

    def findings(self) -> tuple[Finding, ...]:
        """All findings so far."""
        return tuple(self._watch.findings)

    def _core(self) -> Core | None:
        run = self._machine.actors[0].run if self._machine.actors else None
        return run if isinstance(run, Core) else None

    def _keep(self, core: Choosing) -> None:
        self._last = snapshot(self._machine, core)


def snapshot(machine: Machine, core: Choosing | None) -> Snapshot:
    """Everything that can be seen of an execution now, as plain data.

    To be taken when whoever made the last step stands before its next op, which
    ``Watch.on_step`` is too early for: the actor still stands before the op that it has
    performed, and who waited for it has not been asked again.
    """
    taken, held = _taken(machine), _held(machine)
    actors = [] if core is None else sorted(core.actors, key=lambda actor: actor.path)
    return Snapshot(
        step=0 if core is None else core.steps,
        now=machine.clock.now,
        actors=tuple(_actor(core, actor, held[actor]) for actor in actors if core is not None),
        buffers=tuple(_buffer(buffer, taken) for buffer in machine.buffers.values()),
        zones=(*_zones(machine), _slots(machine)),
        shared=tuple(_shared(machine)),
        devices=tuple(device_view(device) for device in machine.devices.values()),
        vmas=tuple(view for mm in machine.mms.values() for view in vma_views(mm)),
        stopped="" if core is None else core.stopped,
    )


# Actors ------------------------------------------------------------------------


class _Held(NamedTuple):
    """What one actor holds, by name."""

    locks: list[str]
    pins: list[str]
    kmaps: list[str]


def _held(machine: Machine) -> defaultdict[Actor, _Held]:
    held: defaultdict[Actor, _Held] = defaultdict(lambda: _Held([], [], []))
    for thing in machine.things.values():
        if isinstance(thing, AnyLock):
            for holder in thing.holders():
                held[holder].locks.append(thing.name)
    for buffer in machine.buffers.values():
        for actor, pins in buffer.pins.of.items():
            held[actor].pins.extend(buffer.part(first, end) for first, end in pins.ranges)
    for mapping in machine.kmaps.mappings:
        held[mapping.actor].kmaps.append(_page_name(mapping))
    return held


def _page_name(mapping: Mapping) -> str:
    return f"{mapping.buffer.name}[?]" if mapping.page is None else mapping.page.name


def _actor(core: Choosing, actor: Actor, held: _Held) -> ActorView:
    op, cpu, error = actor.op, actor.cpu, actor.failure
    blocked = not actor.ended and not actor.ready
    idle = blocked and core.idles(actor)
    state = "ended" if actor.ended else "idle" if idle else "blocked" if blocked else "ready"
    return ActorView(
        name=actor.name,
        cpu=None if cpu is None or cpu.number < 0 else cpu.number,
        state=state,
        op="" if op is None or isinstance(op, Settle) else op.describe(),
        waits_for=_waits_for(actor) if state == "blocked" else "",
        waits_on=op.thing.name
        if state == "blocked" and op is not None and isinstance(op.thing, AnyLock | Cell)
        else "",
        locks=tuple(held.locks),
        pins=tuple(held.pins),
        kmaps=tuple(held.kmaps),
        atomic=cpu is not None and cpu.owner() is actor,
        stuck=actor.stuck,
        failure="" if error is None else ": ".join(filter(None, (type(error).__name__, str(error)))),
        site=site(actor),
    )


def _waits_for(actor: Actor) -> str:
    op, owner = actor.op, keeper(actor)
    if owner is not None and actor.cpu is not None:
        return f"{actor.cpu.name}, kept atomic by {_named((owner,))}"
    if op is None:
        return ""
    thing, names = op.thing, _named(op.blockers(actor) or ())
    if isinstance(thing, Clock):
        return _time(thing, actor)
    if isinstance(thing, Cell):
        return f"{op.describe().removeprefix('wait ')}, it is {told(thing.value)}"
    if isinstance(thing, AnyLock):
        return f"{thing.name}, held by {names}"
    words = {
        "kmap slots": f"a kmap slot, held by {names}",
        "group": f"the end of {names}",
        "cpu": f"an answer of {thing.name}, whose interrupts {names} keeps off",
    }
    return words.get(thing.KIND, op.describe().removeprefix("wait "))


def _named(actors: Iterable[Actor]) -> str:
    return " and ".join(dict.fromkeys(f"{actor.name}{' (ended)' * actor.ended}" for actor in actors))


def _time(clock: Clock, actor: Actor) -> str:
    left = next((ticks for ticks, sleeper in clock.timers if sleeper is actor), 0)
    return f"time to pass, {left} tick{'s' * (left != 1)} more"


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
        resident=where is not None and where.zone.visible,
        words=len(page.words),
        newest=0 if where is None else _newest(page, where),
        pins=tuple(holder.name for holder in page.buffer.pins.holders(page.index)),
        kmaps=tuple(_kmap(m) for m in page.buffer.machine.kmaps.mappings if m.page is page),
        moves=tuple(CopyView(place.name, _newest(page, place)) for place in taken if place is not where),
        dirty=0 if where is None else sum(line.dirty for line in where.lines),
    )


def _newest(page: Page, place: Place) -> int:
    return sum(not word.newest.isdisjoint(locations(place, word.index)) for word in page.words)


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
        if isinstance(thing, AnyLock):
            held = ", ".join(holder.name for holder in thing.holders())
            reads = isinstance(thing, RwSem) and thing.writer is None and bool(held)
            views.append(SharedView(thing.name, thing.KIND, f"{held} (reading)" if reads else held))
        elif isinstance(thing, Cell):
            views.append(SharedView(thing.name, thing.KIND, told(thing.value)))
    return views
