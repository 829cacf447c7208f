"""Page tables: PTEs, and the ops that insert, clear and copy them, each one atomic op (PROTOCOL 4, Granularity)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmabuf_async.machine.translations import Translation
from dmabuf_async.ops import Op

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.cpu import Cpu
    from dmabuf_async.machine.memory import Place
    from dmabuf_async.machine.mm import Vma
    from dmabuf_async.machine.storage import Page
    from dmabuf_async.machine.tlb import TlbEntry
    from dmabuf_async.thing import Thing


class Entry(Translation):
    """A translation of one virtual page, with the dirty bit, and the page that it was made for.

    ``cached``: accesses go through the cache, which matters on a machine that is not coherent (P10).
    """

    __slots__ = ("cached", "dirty", "page")
    STATE = ("place", "writable", "dirty", "page", "cached")

    def __init__(self, name: str) -> None:
        self.dirty = self.cached = False
        self.page: Page | None = None
        super().__init__(name)

    def follow(self, place: Place, page: Page | None, *, writable: bool, dirty: bool, cached: bool = False) -> None:
        """From now on it leads to ``place``, as the storage of ``page``."""
        self.lead(place, writable=writable)
        self.page, self.dirty, self.cached = page, dirty, cached

    def cut(self) -> None:
        """It leads nowhere; the dirty bit goes in the same moment."""
        super().cut()
        self.page, self.dirty, self.cached = None, False, False

    def stale(self) -> bool:
        """Whether it leads to a frame that is not, or no longer, the storage of its page."""
        return self.place is not None and (self.page is None or self.page.where is not self.place)


class Pte(Entry):
    """The page table entry of one page of a VMA. It knows the TLB entries that were filled from it."""

    __slots__ = ("entries", "index", "of", "vma")
    KIND = "pte"
    CODE = "stale-pte"

    def __init__(self, vma: Vma, index: int) -> None:
        super().__init__(f"{vma.name}[{index}]")
        self.vma = vma
        self.index = index
        number = vma.first + index
        inside = 0 <= number < len(vma.buffer.pages)
        self.of = vma.buffer.pages[number] if inside else None  # None: beyond the buffer
        self.entries: dict[Cpu, TlbEntry] = {}


class ClearPte(Op):
    """Clear a PTE; takes the dirty bit in the same atomic op.

    The result is None if there was none, else whether it was dirty. (Linux discards the dirty bit of a PFN
    mapping; the machine returns it, a deliberate departure: P5.)
    """

    __slots__ = ("thing",)
    kind = "clear pte"
    thing: Pte

    def __init__(self, pte: Pte) -> None:
        self.thing = pte

    def apply(self, actor: Actor, outcome: int) -> bool | None:
        pte = self.thing
        dirty = None if pte.place is None else pte.dirty
        pte.cut()
        return dirty

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return self.thing.touched()

    def worded(self, result: bool | None) -> str:
        return _dirty(result)


class LookDirty(Op):
    """Read the dirty bit of a PTE, without clearing it; the result as of :class:`ClearPte`. Only a mistake needs it."""

    __slots__ = ("thing",)
    kind = "look dirty"
    thing: Pte

    def __init__(self, pte: Pte) -> None:
        self.thing = pte

    def apply(self, actor: Actor, outcome: int) -> bool | None:
        return None if self.thing.place is None else self.thing.dirty

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def worded(self, result: bool | None) -> str:
        return _dirty(result)


def _dirty(result: bool | None) -> str:
    """What the dirty bit was, in words."""
    return "none" if result is None else "dirty" if result else "clean"


class WriteProtect(Op):
    """Take the permission to write from a PTE. The dirty bit stays as it is, in the same atomic op.

    ``dirty``: it is written back like this instead, which only a mistake needs.
    """

    __slots__ = ("dirty", "thing")
    kind = "write-protect pte"
    thing: Pte

    def __init__(self, pte: Pte, *, dirty: bool | None = None) -> None:
        self.thing = pte
        self.dirty = dirty

    def apply(self, actor: Actor, outcome: int) -> None:
        pte = self.thing
        if pte.place is not None and pte.writable:
            dirty = pte.dirty if self.dirty is None else self.dirty
            pte.follow(pte.place, pte.page, writable=False, dirty=dirty, cached=pte.cached)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        pte = self.thing
        return pte.touched() if pte.writable else ()


class InsertPte(Op):
    """Insert a PTE, as vmf_insert_pfn does: where there is one to this frame it may gain permission, no other changes.

    The buffer's lock must be held, or a move may lie between the look and the insertion (P2).
    """

    __slots__ = ("cached", "installs", "place", "thing", "writable")
    kind = "insert pte"
    thing: Pte

    def __init__(self, pte: Pte, place: Place, *, writable: bool, cached: bool = False) -> None:
        self.thing = pte
        self.place = place
        self.writable = writable
        self.cached = cached
        self.installs = False  # whether it did, for checkers

    def apply(self, actor: Actor, outcome: int) -> None:
        pte, buffer = self.thing, self.thing.vma.buffer
        lock = buffer.lock
        if lock is not None and lock.owner is not actor:
            detail = f"inserts the pte of {pte.name} without {lock.name} (P2)"
            buffer.machine.marks.add("missing-lock", actor, lock, detail)
        writable = self.writable and pte.vma.writable
        if pte.of is None:
            detail = f"maps {pte.name}, which lies beyond the end of {buffer.name}"
            buffer.machine.marks.add("bad-range", actor, buffer, detail)
        self.installs = pte.place is None or (pte.place is self.place and writable and not pte.writable)
        if self.installs:
            pte.follow(self.place, pte.of, writable=writable, dirty=pte.dirty, cached=self.cached)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        vma = self.thing.vma
        lock = vma.buffer.lock
        found: tuple[Thing, ...] = (vma,) if lock is None else (vma, lock)
        page = self.thing.of
        return found if page is None else (*found, page)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        pte = self.thing
        return (pte, self.place.rmap) if pte.place is None or pte.place is self.place else (pte,)

    def describe(self) -> str:
        return f"insert pte {self.thing.name} = {self.place.name}, {'write' if self.writable else 'read'}"


class CopyPte(Op):
    """Copy a PTE to a forked process: the same frame and permission, not dirty. The result: whether there was one."""

    __slots__ = ("installs", "source", "thing")
    kind = "copy pte"
    thing: Pte

    def __init__(self, source: Pte, target: Pte) -> None:
        self.thing = target
        self.source = source
        self.installs = False  # whether it did, for checkers

    def apply(self, actor: Actor, outcome: int) -> bool:
        source, target = self.source, self.thing
        self.installs = source.place is not None
        if source.place is not None:
            target.follow(source.place, source.page, writable=source.writable, dirty=False, cached=source.cached)
        return self.installs

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        source = self.source
        return (source,) if source.page is None else (source, source.page)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        place = self.source.place
        touched = self.thing.touched()
        return touched if place is None else (*touched, place.rmap)

    def describe(self) -> str:
        return f"copy pte {self.source.name} to {self.thing.name}"
