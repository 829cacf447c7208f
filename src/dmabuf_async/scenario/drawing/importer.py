"""One importer, drawn step by step so that it keeps the rules: what is begun is ended, in the reverse order.

It never makes a call whose conditions it has not met. So a kernel mapping stands in a pin of the page (V1), at most
two are held (V9), nothing sleeps while one of them is atomic (V12), DMA stands in a mapping of the right direction
and is waited for (V0), nobody stores where that is forbidden, and every reference is dropped (V15).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from dmabuf_async.machine.sizes import PAGE_SIZE
from dmabuf_async.scenario.drawing.draws import Draws, one_of, seldom
from dmabuf_async.scenario.drawing.ground import Ground
from dmabuf_async.scenario.fields import Direction
from dmabuf_async.scenario.schema import Step, TaskSpec
from dmabuf_async.scenario.verbs import device, kernel, process

Manner: TypeAlias = Literal["kernel", "user", "device", "process"]
"""Kernel code, user code, the driver of a device, or a process that does all of that."""

DIRECTIONS: Final[tuple[Direction, ...]] = ("bidirectional", "to_device", "from_device")
MOST_STEPS: Final = 7
"""Things that one importer begins, at most."""
_ENDS: Final = 5
"""One in so many times, what was begun is ended though more could be done."""


class _Pin(NamedTuple):
    buffer: str
    first: int
    end: int


class _Kmap(NamedTuple):
    atomic: bool
    inside: int
    """How many device mappings there were when it was made."""


@dataclass
class _Bracket:
    """A device mapping that is open."""

    at: str
    buffer: str
    engines: int
    direction: Direction
    flying: list[str] = field(default_factory=list)
    """Transfers that have not been waited for."""


@dataclass
class Region:
    """A mapping of a process."""

    buffer: str
    pages: int
    may_write: bool
    writable: bool

    def copied(self) -> Region:
        """What a forked process has of it."""
        return Region(self.buffer, self.pages, self.may_write, self.writable)


class DrawnImporter:
    """One task on its way: what it has done, and what it holds. ``regions``: what a forked process begins with."""

    def __init__(
        self, draws: Draws, ground: Ground, manner: Manner, name: str, regions: dict[str, Region] | None = None
    ) -> None:
        self.draws = draws
        self.ground = ground
        self.manner = manner
        self.name = name
        self.steps: list[Step] = []
        self.forked = regions is not None
        self.regions = regions or {}
        self.children: list[TaskSpec] = []
        self._pins: list[_Pin] = []
        self._kmaps: dict[str, _Kmap] = {}
        self._brackets: list[_Bracket] = []
        self._attached = 0
        self._pairs = False
        self._left = MOST_STEPS

    def drawn(self, *, thread_of: str | None = None) -> TaskSpec:
        """The whole task: at least one step; the processes that it forks are in ``children``."""
        cpu = self.draws.below(self.ground.cpus)
        self._step()
        self._block()
        whole = not self.regions and not self.children and not self.forked
        return TaskSpec(
            name=self.name,
            cpu=cpu,
            kind="kernel" if self.manner in {"kernel", "device"} else "user",
            thread_of=thread_of,
            repeat=2 if whole and seldom(self.draws, 6) else 1,
            steps=self.steps,
        )

    def _block(self) -> None:
        """What is done while something is held."""
        while self._left > 0 and self.draws.below(_ENDS):
            self._step()

    def _step(self) -> None:
        moves = self._moves()
        if moves:
            self._left -= 1
            one_of(self.draws, moves)()

    def _moves(self) -> list[Callable[[], None]]:
        """What it may do now."""
        moves: list[Callable[[], None]] = []
        usable = [name for name, one in self._kmaps.items() if self.ground.coherent or one.inside == self._depth]
        if usable:
            moves += [lambda: self._access(usable, write=False), lambda: self._access(usable, write=True)]
        if len(usable) == 2:
            moves.append(lambda: self._memcpy(usable))
        if self._pins and len(self._kmaps) < 2 and (self.ground.coherent or not self._flying()):
            if self._may_kmap():
                moves.append(lambda: self._kmap(atomic=False))
            moves.append(lambda: self._kmap(atomic=True))
        if not any(one.atomic for one in self._kmaps.values()):
            moves += self._sleeping()
        return moves

    def _sleeping(self) -> list[Callable[[], None]]:
        """What may sleep."""
        return [*self._of_kernels(), *self._of_devices(), *self._of_users()]

    def _of_kernels(self) -> list[Callable[[], None]]:
        moves: list[Callable[[], None]] = []
        if self.manner in {"kernel", "process"} and self._open():
            if not (self.ground.stalls and self._brackets):
                moves.append(self._pin)
            if not self._pins and not self._brackets:
                moves.append(self._reference)
        return moves

    def _of_devices(self) -> list[Callable[[], None]]:
        moves: list[Callable[[], None]] = []
        idle = [one for one in self._brackets if self._may_start(one)]
        if idle and len(self._flying()) < 2:
            moves.append(lambda: self._start(one_of(self.draws, idle)))
        if self._flying():
            moves.append(self._wait)
        holds = self._pins or self._brackets or self._kmaps
        if self.manner in {"device", "process"} and self._attached < 2 and not (self.ground.stalls and holds):
            buffers = [name for name in self._open() if self.ground.buffers[name].devices]
            if buffers:
                moves.append(lambda: self._attach(one_of(self.draws, buffers)))
        return moves

    def _of_users(self) -> list[Callable[[], None]]:
        moves: list[Callable[[], None]] = []
        if self.manner not in {"user", "process"}:
            return moves
        if self.regions and (self.ground.coherent or not (self._kmaps or self._flying())):
            moves.append(lambda: self._touch(write=False))
            if any(one.writable for one in self.regions.values()):
                moves.append(lambda: self._touch(write=True))
        buffers = [name for name in self._open() if self.ground.buffers[name].mmap]
        if buffers and len(self.regions) < 2:
            moves.append(lambda: self._mmap(one_of(self.draws, buffers)))
        if self.regions:
            moves += [self._munmap, self._reprotect]
            if any(one.pages > 1 for one in self.regions.values()):
                moves.append(self._shrink)
            busy = self._pins or self._brackets or self._kmaps
            if self.ground.coherent and not (busy or self.forked or self.children):
                moves.append(self._fork)
        return moves

    # Kernel access ------------------------------------------------------------------

    @property
    def _depth(self) -> int:
        return len(self._brackets)

    def _open(self) -> list[str]:
        return self.ground.open_to(self.name)

    def _pages(self, buffer: str) -> tuple[int, int]:
        """A range of pages: all of them, to begin with."""
        pages = self.ground.buffers[buffer].pages
        if pages == 1 or not self.draws.below(2):
            return 0, pages
        first = self.draws.below(pages)
        return first, first + 1 + self.draws.below(pages - first)

    def _pin(self) -> None:
        buffer = one_of(self.draws, self._open())
        self.ground.use(buffer, self.name)
        first, end = self._pages(buffer)
        start = first * PAGE_SIZE
        length = None if end == self.ground.buffers[buffer].pages else (end - first) * PAGE_SIZE
        self.steps.append(kernel.GetBackingStorage(buffer=buffer, start=start, len=length))
        self._pins.append(_Pin(buffer, first, end))
        self._block()
        self._pins.pop()
        self.steps.append(kernel.PutBackingStorage(buffer=buffer, start=start, len=length))

    def _reference(self) -> None:
        buffer = one_of(self.draws, self._open())
        self.ground.use(buffer, self.name)
        self.steps.append(kernel.DmaBufGet(buffer=buffer))
        self._block()
        self.steps.append(kernel.DmaBufPut(buffer=buffer))

    def _may_kmap(self) -> bool:
        """Whether it may wait for a slot: with one in its hand only if it is among those that may hold two."""
        if any(one.atomic for one in self._kmaps.values()):
            return False
        return not self._kmaps or self._pairs or self.ground.pairs > 0

    def _kmap(self, *, atomic: bool) -> None:
        pin = one_of(self.draws, self._pins)
        page = pin.first + self.draws.below(pin.end - pin.first)
        name = "m" if "m" not in self._kmaps else "n"
        if not atomic and self._kmaps and not self._pairs:
            self._pairs = True
            self.ground.pairs -= 1
        verb = kernel.KmapAtomic if atomic else kernel.Kmap
        self.steps.append(verb(buffer=pin.buffer, page=page, as_=name))
        self._kmaps[name] = _Kmap(atomic, self._depth)
        self._block()
        del self._kmaps[name]
        self.steps.append((kernel.KunmapAtomic if atomic else kernel.Kunmap)(at=name))

    def _access(self, names: list[str], *, write: bool) -> None:
        name = one_of(self.draws, names)
        self.steps.append((kernel.Store if write else kernel.Load)(at=name, word=self._word()))

    def _memcpy(self, names: list[str]) -> None:
        source, target = names if not self.draws.below(2) else reversed(names)
        self.steps.append(kernel.Memcpy(from_=source, to=target))

    def _word(self) -> int:
        return self.draws.below(self.ground.words)

    # Devices ------------------------------------------------------------------------

    def _attach(self, buffer: str) -> None:
        self.ground.use(buffer, self.name)
        called = one_of(self.draws, list(self.ground.offered))
        spec = self.ground.devices.setdefault(called, self.ground.offered[called])
        name = "ab"[self._attached]
        self._attached += 1
        self.steps.append(device.Attach(device=called, buffer=buffer, as_=name))
        self._map(name, buffer, spec.engines)
        if seldom(self.draws):
            self._map(name, buffer, spec.engines)
        self.steps.append(device.Detach(at=name))
        self._attached -= 1

    def _map(self, at: str, buffer: str, engines: int) -> None:
        direction = one_of(self.draws, DIRECTIONS)
        self.steps.append(device.MapDmaBuf(at=at, direction=direction))
        bracket = _Bracket(at, buffer, engines, direction)
        self._brackets.append(bracket)
        self._block()
        for name in bracket.flying:
            self.steps.append(device.DmaWait(for_=name))
        self._brackets.pop()
        self.steps.append(device.UnmapDmaBuf(at=at))

    def _flying(self) -> list[tuple[_Bracket, str]]:
        return [(bracket, name) for bracket in self._brackets for name in bracket.flying]

    def _may_start(self, bracket: _Bracket) -> bool:
        """On a machine that is not coherent, not while kernel code is at it (V8)."""
        index = self._brackets.index(bracket)
        return self.ground.coherent or all(one.inside <= index for one in self._kmaps.values())

    def _start(self, bracket: _Bracket) -> None:
        writes = bracket.direction == "from_device"
        if bracket.direction == "bidirectional":
            writes = bool(self.draws.below(2))
        flying = {name for _, name in self._flying()}
        name = next(one for one in ("t", "u") if one not in flying)
        page = self.draws.below(self.ground.buffers[bracket.buffer].pages)
        word = self._word() if seldom(self.draws) else None
        engine = self.draws.below(bracket.engines)
        verb = device.DmaWrite if writes else device.DmaRead
        self.steps.append(verb(at=bracket.at, page=page, word=word, engine=engine, as_=name))
        bracket.flying.append(name)

    def _wait(self) -> None:
        bracket, name = one_of(self.draws, self._flying())
        self.steps.append(device.DmaWait(for_=name))
        bracket.flying.remove(name)

    # User space ---------------------------------------------------------------------

    def _mmap(self, buffer: str) -> None:
        self.ground.use(buffer, self.name)
        first, end = self._pages(buffer)
        length = None if end == self.ground.buffers[buffer].pages else (end - first) * PAGE_SIZE
        write = not seldom(self.draws)
        self.ground.regions += 1
        name = f"map{self.ground.regions}"
        self.steps.append(process.Mmap(buffer=buffer, as_=name, offset=first * PAGE_SIZE, len=length, write=write))
        self.regions[name] = Region(buffer, end - first, write, write)

    def _touch(self, *, write: bool) -> None:
        names = [name for name, one in self.regions.items() if one.writable or not write]
        name = one_of(self.draws, names)
        page = self.draws.below(self.regions[name].pages)
        self.steps.append((kernel.Store if write else kernel.Load)(at=name, page=page, word=self._word()))

    def _munmap(self) -> None:
        name = one_of(self.draws, list(self.regions))
        del self.regions[name]
        self.steps.append(process.Munmap(at=name))

    def _reprotect(self) -> None:
        name = one_of(self.draws, list(self.regions))
        region = self.regions[name]
        region.writable = region.may_write and not region.writable
        self.steps.append(process.Mprotect(at=name, write=region.writable))

    def _shrink(self) -> None:
        name = one_of(self.draws, [name for name, one in self.regions.items() if one.pages > 1])
        region = self.regions[name]
        region.pages = 1 + self.draws.below(region.pages - 1)
        self.steps.append(process.Mremap(at=name, pages=region.pages))

    def _fork(self) -> None:
        copied = {name: region.copied() for name, region in self.regions.items()}
        child = DrawnImporter(self.draws, self.ground, "user", self.ground.name("child"), copied)
        self.steps.append(process.Fork(task=child.name))
        self.children.append(child.drawn())
