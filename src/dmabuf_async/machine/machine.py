"""The machine: every shared object of the simulated system, and nothing that decides (DESIGN 2).

Synchronous and deterministic: no dice, no wall clock, no event loop. It delegates:
what an op does lies beside the object it acts on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from dmabuf_async.errors import ScenarioError
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.cache import Cache, Line
from dmabuf_async.machine.cells import Cell, Counter
from dmabuf_async.machine.clock import Clock
from dmabuf_async.machine.cpu import Cpu
from dmabuf_async.machine.device import Device, Engine
from dmabuf_async.machine.i_mmap import AddressSpace
from dmabuf_async.machine.judged import Always, Judged
from dmabuf_async.machine.kmap import Pool
from dmabuf_async.machine.ledger import References
from dmabuf_async.machine.lock_order import LockOrder
from dmabuf_async.machine.locks import Mutex
from dmabuf_async.machine.marks import Marks
from dmabuf_async.machine.memory import Place, Zone
from dmabuf_async.machine.memory_key import memory_of
from dmabuf_async.machine.mm import Mm
from dmabuf_async.machine.order import LANES, Events
from dmabuf_async.machine.rwsem import RwSem
from dmabuf_async.machine.sizes import Faults, Sizes
from dmabuf_async.machine.speculation import Speculation
from dmabuf_async.machine.spinlock import Spinlock
from dmabuf_async.machine.storage import Buffer, Page
from dmabuf_async.machine.translations import Rmap
from dmabuf_async.ops import CALM

if TYPE_CHECKING:
    from dmabuf_async.ops import Op

from dmabuf_async.thing import Thing

AnyThing = TypeVar("AnyThing", bound=Thing)

MEMORY: Final = (Zone, Place, Rmap, Line)
"""What buffers lie in."""


class Peek(NamedTuple):
    """What one op would lead to."""

    result: Any
    fingerprint: int
    """Of the machine, what is owed included, after the op."""
    memory: Hashable
    """Of checkers, after the op; None if it was not asked for."""


def _grown(actors: Iterable[Actor]) -> Iterator[Thing]:
    """The groups that these have open, and all that they have spawned in them."""
    for actor in actors:
        for group in actor.groups:
            yield group
            yield from group.children
            yield from _grown(group.children)


class Machine:
    """The state of one simulated system, with the makers of its objects and tasks.

    A program is a function that takes a fresh machine, makes objects, and declares
    tasks with :meth:`task`.
    """

    def __init__(self, sizes: Sizes | None = None) -> None:
        self.sizes = sizes = sizes or Sizes()
        self.marks = Marks()
        self.lock_order = LockOrder()
        self.faults = Faults(sizes)
        self.events = Events()
        self.things: dict[str, Thing] = {}  # by kind and name
        self.synchronising: list[Thing] = []
        """What actors synchronise by, and they themselves, as they were declared."""
        self.cells: list[Cell] = []
        self.pages: list[Page] = []
        self.made = 0  # objects, but those that the machine makes in a run, each once for all executions
        self._sealed = False
        self._add(self.faults)
        self.cpus = tuple(self._add(Cpu(number)) for number in range(sizes.cpus))
        self.cache = self._add(Cache(sizes))
        self.speculation = self._add(Speculation(sizes))
        self.zones: dict[str, Zone] = {}
        zones = (("ram", sizes.ram), ("high", sizes.highmem), ("vram", sizes.vram), ("swap", sizes.swap))
        for name, size in zones:
            visible = name != "swap" and (name != "vram" or sizes.cpu_visible)
            zone = self.zones[name] = self._add(Zone(name, size, self.faults, self.marks, visible=visible))
            for place in zone.places:
                self._add(place)
                self._add(place.rmap)
                if name in {"ram", "high"}:
                    for line in self.cache.cover(place, sizes):
                        self._add(line)
        self.kmaps = self._add(Pool(sizes.kmap_slots))
        self.clock = self._add(Clock())
        self.buffers: dict[str, Buffer] = {}
        self.devices: dict[str, Device] = {}
        self.mms: dict[str, Mm] = {}
        self.spaces: dict[str, AddressSpace] = {}
        self.defects: frozenset[str] = frozenset()
        """Deliberate mistakes of the core's own calls: see protocol/mm.py."""
        self.actors: list[Actor] = []
        self.fingerprint = 0
        self.reused = False  # it serves for all executions of its program
        self.tabled = False  # see Program.reusable: nothing but results decides what its tasks do
        self.taken: dict[tuple[Buffer, Actor], References] = {}
        self.judged: Judged | None = None
        self.properties: list[Always] = []
        self._initial: list[tuple[Thing, str, Any]] = []  # what to reset: the fields of all that can change
        self._waited: list[Thing] = []

    def _add(self, thing: AnyThing) -> AnyThing:
        name = f"{thing.KIND} {thing.name}"
        if name in self.things:
            raise ScenarioError(
                f"there are two objects of the kind {thing.KIND!r} that are called {thing.name!r}: names identify "
                "objects in traces and across executions, so give one of them another name"
            )
        self.things[name] = thing
        self.made += 1
        if thing.SYNCHRONISES:
            self.synchronising.append(thing)
            if isinstance(thing, Cell):
                self.cells.append(thing)
        if self._sealed:
            self._remember(thing)
        return thing

    def add(self, thing: AnyThing) -> AnyThing:
        """Register an object that was made during a run: from now on it is there in every execution.

        Its state must be that of an object which nothing has happened to.
        """
        self._add(thing)
        self.made -= 1
        return thing

    # Makers ---------------------------------------------------------------

    def cell(self, name: str, value: Hashable = 0) -> Cell:
        """A shared variable; its plain accesses can race."""
        return self._add(Cell(name, value, self))

    def counter(self, name: str, value: int = 0) -> Counter:
        """A shared number with atomic ops, which never race."""
        return self._add(Counter(name, value, self))

    def mutex(self, name: str, lock_class: str | None = None) -> Mutex:
        """A sleeping lock. ``lock_class``: see :mod:`~dmabuf_async.machine.lock_order`; if left out, one of its own."""
        return self._add(Mutex(name, lock_class, self.marks, self.lock_order))

    def spinlock(self, name: str, lock_class: str | None = None) -> Spinlock:
        """A lock that is waited for without sleeping."""
        return self._add(Spinlock(name, lock_class, self.marks, self.lock_order))

    def rwsem(self, name: str, lock_class: str | None = None) -> RwSem:
        """A sleeping lock with many readers or one writer."""
        return self._add(RwSem(name, lock_class, self.marks, self.lock_order))

    def buffer(self, name: str, pages: int = 1) -> Buffer:
        """A dma_buf without storage; an exporter gives it some."""
        buffer = self._add(Buffer(self, name, pages, self.sizes.words))
        self._add(buffer.pins)
        self._add(buffer.attached)
        self._add(buffer.life)
        for page in buffer.pages:
            self.pages.append(self._add(page))
            self._add(page.copying)
            for word in page.words:
                self._add(word)
        self.buffers[name] = buffer
        return buffer

    def device(self, name: str, engines: int = 1, revoke: str = "at once", *, vram: bool = True) -> Device:
        """A device with so many DMA engines, which :meth:`Device.serve` sets going; a driver lets go as it can."""
        device = self.devices[name] = self._add(Device(self, name, engines, revoke, vram=vram))
        for engine in device.engines:
            self._add(engine)
            self._add(engine.ring)
        return device

    def engine(self, engine: Engine) -> Actor:
        """Declare the actor that a DMA engine is; it stands on no CPU but on itself."""
        actor = self._add(Actor(engine.name, (len(self.actors),), engine, engine.run, ()))
        actor.daemon = True
        self.actors.append(actor)
        return actor

    def mm(self, name: str, *, parent: Mm | None = None) -> Mm:
        """The address space of a user process; that of one that is yet to be forked has a parent."""
        mm = self.mms[name] = self._add(Mm(self, name, parent))
        return mm

    def address_space(self, name: str) -> AddressSpace:
        """Where the VMAs of the buffer of this name are registered."""
        space = self.spaces.get(name)
        if space is None:
            made = self.made
            space = self.spaces[name] = self._add(AddressSpace(self, name))
            self.made = made  # it is there once for all executions, with the lock that it has
        return space

    def task(
        self,
        name: str,
        function: Callable[..., Any],
        *arguments: Any,
        cpu: int = 0,
        user: bool = False,
        daemon: bool = False,
    ) -> Actor:
        """Declare a task that runs ``await function(*arguments)`` from the start.

        ``user``: a user process, which can be killed, and whose end cleans up after it.
        ``daemon``: a service task of a driver, which ends when the others have ended.
        """
        if not 0 <= cpu < len(self.cpus):
            raise ScenarioError(
                f"task {name!r} stands on cpu {cpu}, but the machine has only cpus 0 to {len(self.cpus) - 1}: "
                "give it one of these, or the machine more"
            )
        actor = self._add(Actor(name, (len(self.actors),), self.cpus[cpu], function, arguments))
        actor.user, actor.daemon = user, daemon
        self.actors.append(actor)
        return actor

    def always(
        self,
        text: str,
        holds: Callable[[], bool],
        *things: Thing,
        shared: Iterable[Thing] = (),
        values: Callable[[], str] = str,
    ) -> None:
        """Declare a property, called ``text``: a pure predicate over ``things`` that must hold in every state.

        A step that makes it false is ``always-violated``. For the rest see :class:`Always`.
        """
        self.properties.append(Always(text, holds, things, shared, values))

    def references(self, buffer: Buffer, actor: Actor) -> References:
        """The references that one task took on one buffer."""
        taken = self.taken.get((buffer, actor))
        if taken is None:
            taken = self.taken[buffer, actor] = References(buffer, actor)
        return taken

    # State ----------------------------------------------------------------

    def has(self, thing: Thing) -> bool:
        """Whether it is one of the objects that live through a whole execution."""
        return self.things.get(f"{thing.KIND} {thing.name}") is thing

    def everything(self) -> Iterator[Thing]:
        """All objects that live through a whole execution."""
        return iter(self.things.values())

    def seal(self) -> None:
        """The program is complete: this is the state that :meth:`reset` goes back to."""
        self._initial.clear()
        self._waited.clear()
        self._sealed = True
        for thing in self.things.values():
            self._remember(thing)
        if self.properties:
            self.judged = Judged(self.properties)
            for actor in self.actors:
                actor.judged = self.judged
            for one in self.properties:
                if not one.holds():
                    values = one.values()
                    raise ScenarioError(
                        f"the property {one.text!r} does not hold before the first step{values and f' ({values})'}: "
                        "no execution could keep it, so set up what it asks for, or ask for something else"
                    )

    def _remember(self, thing: Thing) -> None:
        thing.initial = thing.state()
        # Without a buffer, no frame or slot ever changes, and most of a small machine is made of them.
        if self.buffers or not isinstance(thing, MEMORY):
            self._initial += [(thing, field, getattr(thing, field)) for field in thing.changing]
            self._waited.append(thing)

    def reset(self) -> None:
        """Back to the state at :meth:`seal`, as if nothing had ever run."""
        for actor in self.actors:
            actor.reset()
        for thing, field, value in self._initial:
            setattr(thing, field, value)
        for thing in self._waited:
            thing.fingerprint = thing.past = 0
            if thing.pending:
                thing.pending.clear()
        for buffer in self.buffers.values():
            buffer.pins.of.clear()
        for device in self.devices.values():
            device.reset()
        self.kmaps.mappings.clear()
        self.taken.clear()
        self.marks.clear()
        self.lock_order.clear()
        self.clock.now = 0
        self.events.count = (0,) * LANES
        self.fingerprint = 0

    def memory(self) -> Hashable:
        """What checkers remember, as a key: with it, the fingerprint tells states apart that they judge differently.

        It is worked out when it is asked for; equal for interleavings of the same steps, and there are finitely many.
        """
        return memory_of(self, _grown(self.actors))

    def rehash(self, written: tuple[Thing, ...]) -> None:
        """Bring the fingerprint up to date after a step that wrote these objects.

        It is the exclusive or, over all objects, of the hash of the object's state and
        of its initial state, so that an object which is back where it began counts for
        nothing, and the cost is that of the step's footprint alone. It identifies a state
        within a process: texts, and before CPython 3.12 None, hash differently in another.
        """
        fingerprint = self.fingerprint
        for thing in written:
            old = thing.fingerprint
            state = thing.state_of(thing)
            new = 0 if state == thing.initial else hash((thing.key, state))
            if new != old:
                fingerprint ^= old ^ new
                thing.fingerprint = new
        self.fingerprint = fingerprint

    # Ops ------------------------------------------------------------------

    def enabled(self, actor: Actor, op: Op) -> bool:
        """Whether ``actor`` could perform ``op`` now, without a fault.

        Nobody runs on a CPU that another actor keeps in atomic context.
        """
        cpu = actor.cpu
        if cpu is not None and cpu.closed_to(actor):
            return False
        return not op.conditional or op.enabled(actor)

    def outcomes(self, actor: Actor, op: Op) -> tuple[str, ...]:
        """What may become of ``op``: first ``""``, the calm outcome, then names of faults."""
        return op.outcomes(actor)

    def apply(self, actor: Actor, op: Op, outcome: int = CALM) -> Any:
        """Perform ``op``, keep the fingerprint, and return the result. Misuse is in ``marks``."""
        written = op.writes(actor)
        result = op.apply(actor, outcome)
        self.rehash(written)
        return result

    def peek(self, actor: Actor, op: Op, outcome: int = CALM, *, memory: bool = False) -> Peek:
        """What :meth:`apply` would return and lead to, with the checkers' memory if asked; all undone again."""
        written = op.writes(actor)
        saved = [(thing, thing.state(), thing.fingerprint) for thing in written]
        touched = {*written, *op.reads(actor), actor}  # what is only read may be remembered to have been
        remembered = [(thing, thing.memory_of(thing)) for thing in touched]
        fingerprint, marks = self.fingerprint, len(self.marks)
        now, events = self.clock.now, self.events.count
        mappings = dict(self.kmaps.mappings)
        result = self.apply(actor, op, outcome)
        peeked = Peek(result, self.fingerprint, self.memory() if memory else None)
        for thing, state, old in saved:
            thing.restore(state)
            thing.fingerprint = old
        for thing, memory_before in remembered:
            thing.recall(memory_before)
        self.fingerprint, self.clock.now, self.events.count = fingerprint, now, events
        self.kmaps.mappings = mappings
        del self.marks[marks:]
        return peeked
