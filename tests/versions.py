"""An independent reference for stale-read, lost-write and torn-copy: vector clocks over a whole trace, from PROTOCOL 4.

It keeps everything that ever happened and asks each question anew over all of it. A program is a list of steps on
a small machine; :func:`told` is what the machine marks at each, :func:`meant` what the definitions say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

from dmabuf_async.machine import order
from dmabuf_async.machine.access import load, load_touches, store, store_touches
from dmabuf_async.machine.actor import Actor
from dmabuf_async.machine.cache import Clean, Evict, Flush, Invalidate, Prefetch
from dmabuf_async.machine.machine import Machine
from dmabuf_async.machine.memory import Place
from dmabuf_async.machine.references import DropReference
from dmabuf_async.machine.sizes import Sizes
from dmabuf_async.machine.storage import Page
from dmabuf_async.ops import Op
from dmabuf_async.thing import Thing

PLACES = ("ram#0", "ram#1", "high#0", "swap#0")
SYNCS = ("s", "t")
ACTORS = 3
CODES = ("stale-read", "lost-write", "torn-copy")


class Step(NamedTuple):
    """One step: what, by which actor, and operands that each verb takes as it likes."""

    verb: str
    actor: int
    page: int = 0
    word: int = 0
    source: int = 0
    target: int = 0


class Access(Op):
    """A load or store of a word, as ops of translations make it."""

    __slots__ = ("cached", "index", "kind", "thing")
    kind: str  # type: ignore[misc]

    def __init__(self, kind: str, place: Place, index: int, cached: bool) -> None:
        self.kind, self.thing, self.index, self.cached = kind, place, index, cached

    def apply(self, actor: Actor, outcome: int) -> Any:
        return (load if self.kind == "load" else store)(actor, self.thing, self.index, cached=self.cached)  # type: ignore[arg-type]

    def _touches(self) -> Any:
        touches = load_touches if self.kind == "load" else store_touches
        return touches(self.thing, self.index, cached=self.cached)  # type: ignore[arg-type]

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return self._touches().reads  # type: ignore[no-any-return]

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return self._touches().writes  # type: ignore[no-any-return]


class Edge(Op):
    """Half an edge of synchronisation: what a lock or a signal does."""

    __slots__ = ("kind", "thing")
    kind: str  # type: ignore[misc]

    def __init__(self, kind: str, thing: Thing) -> None:
        self.kind, self.thing = kind, thing

    def apply(self, actor: Actor, outcome: int) -> None:
        (order.release if self.kind == "release" else order.acquire)(actor, self.thing)

    def reads(self, actor: Actor) -> tuple[Thing, ...]:
        return () if self.kind == "release" else (self.thing,)

    def writes(self, actor: Actor) -> tuple[Thing, ...]:
        return (self.thing,) if self.kind == "release" else ()


def machine_of(*, coherent: bool, line_words: int, words: int = 2) -> Machine:
    """Two buffers of one page each: ``a`` in ram#0, ``b`` swapped out or in highmem."""
    sizes = Sizes(
        ram=2, highmem=1, swap=1, words=words, coherent=coherent, line_words=line_words, evictions=99, prefetches=99
    )
    machine = Machine(sizes)
    for name, zone in (("a", "ram"), ("b", "high")):
        [page] = machine.buffer(name).pages
        place = machine.zones[zone].take(page)
        assert place is not None
        page.fill(place)
    for name in SYNCS:
        machine.mutex(name)
    for number in range(ACTORS):
        machine.task(f"t{number}", lambda: None)
    machine.seal()
    return machine


def place_of(machine: Machine, number: int) -> Place:
    place = machine.things[f"frame {PLACES[number % len(PLACES)]}"]
    assert isinstance(place, Place)
    return place


def page_of(machine: Machine, number: int) -> Page:
    return machine.buffers["ab"[number % 2]].pages[0]


def op_of(machine: Machine, step: Step) -> Op | None:  # noqa: C901 - a table
    """The op of a step; None if there is no sense in it now."""
    page, source, target = page_of(machine, step.page), place_of(machine, step.source), place_of(machine, step.target)
    match step.verb:
        case "load" | "store" | "dma_load" | "dma_store":
            if not source.zone.resident:
                return None
            return Access(step.verb.removeprefix("dma_"), source, step.word, "dma" not in step.verb)
        case "copy":
            own = source.owner is page and target.owner is page and source is not target
            return page.copy(step.word, source, target) if own else None
        case "switch":
            if step.word and step.source == 0:
                return page.switch(None)
            return page.switch(target) if target.owner is page else None
        case "alloc":
            return source.zone.alloc(page)
        case "free":
            return source.zone.release(source) if source.owner is not None else None
        case "clean" | "invalidate" | "flush":
            if not source.lines:
                return None
            kind = {"clean": Clean, "invalidate": Invalidate, "flush": Flush}[step.verb]
            return kind(source, step.word % len(source.lines))
        case "evict" | "prefetch":
            if not source.lines:
                return None
            line = source.lines[step.word % len(source.lines)]
            op = (Evict if step.verb == "evict" else Prefetch)(machine.cache, line)
            return op if op.enabled(machine.actors[0]) else None
        case "release" | "acquire":
            return Edge(step.verb, machine.things[f"mutex {SYNCS[step.word % 2]}"])
        case "put":
            return DropReference(page.buffer) if page.buffer.references else None
        case verb:
            raise AssertionError(verb)


def told(machine: Machine, steps: list[Step]) -> list[tuple[Step | None, set[str]]]:
    """What the machine marks at each step that it makes; None for a step that made no sense."""
    found: list[tuple[Step | None, set[str]]] = []
    for step in steps:
        op = op_of(machine, step)
        if op is None:
            found.append((None, set()))
            continue
        machine.marks.clear()
        taken = machine.apply(machine.actors[step.actor], op)
        codes = {mark.code for mark in machine.marks} & set(CODES)
        if step.verb == "alloc":  # which frame it was
            number = PLACES.index(taken.name) if isinstance(taken, Place) else -1
            found.append((step._replace(source=number) if number >= 0 else None, codes))
        else:
            found.append((step, codes))
    return found


# The reference -----------------------------------------------------------------------------


def joined(one: list[int], other: list[int]) -> list[int]:
    """The least clock that is not before either."""
    return [max(pair) for pair in zip(one, other, strict=True)]


Cell = tuple[str, int, int]  # ("memory" or "line", place, word)
Content = tuple[int, int, int] | None  # page, word, number of the write; None: initial, or what somebody else left


@dataclass
class Write:
    """One write of a word, with its vector clock."""

    actor: int
    clock: tuple[int, ...]
    page: int
    word: int


@dataclass
class Reference:
    """The definitions, over all that happened."""

    coherent: bool
    line_words: int
    words: int = 2
    writes: list[Write] = field(default_factory=list)
    clocks: list[list[int]] = field(default_factory=lambda: [[0] * ACTORS for _ in range(ACTORS)])
    syncs: list[list[int]] = field(default_factory=lambda: [[0] * ACTORS for _ in SYNCS])
    content: dict[Cell, Content] = field(default_factory=dict)
    valid: set[tuple[int, int]] = field(default_factory=set)
    dirty: set[tuple[int, int]] = field(default_factory=set)
    owner: dict[int, int | None] = field(default_factory=lambda: {0: 0, 1: None, 2: 1, 3: None})
    where: dict[int, int | None] = field(default_factory=lambda: {0: 0, 1: 2})
    former: set[tuple[int, int]] = field(default_factory=set)
    references: list[int] = field(default_factory=lambda: [1, 1])
    log: list[tuple[str, int, int, int, int]] = field(default_factory=list)  # verb, page, word, source, target
    found: set[str] = field(default_factory=set)

    def line(self, place: int, word: int) -> tuple[int, int] | None:
        """The line over a word of a place: of RAM and highmem, on a machine that is not coherent."""
        return None if self.coherent or PLACES[place].startswith("swap") else (place, word // self.line_words)

    def lying(self, line: tuple[int, int]) -> list[int]:
        first = line[1] * self.line_words
        return list(range(first, min(self.words, first + self.line_words)))

    def tick(self, actor: int) -> tuple[int, ...]:
        self.clocks[actor][actor] += 1
        return tuple(self.clocks[actor])

    def before(self, one: Content, other: Content) -> bool:
        """In synchronisation order; what is not a write of this word is before everything."""
        if other is None:
            return False
        if one is None:
            return True
        a, b = self.writes[one[2]], self.writes[other[2]]
        return one != other and a.clock[a.actor] <= b.clock[a.actor]

    def version(self, cell: Cell) -> Content:
        """What of its owner's word lies in a cell."""
        content = self.content.get(cell)
        page = self.owner[cell[1]]
        return content if content is not None and content[:2] == (page, cell[2]) else None

    def counting(self, page: int, word: int) -> list[Content]:
        """The versions of a word that lie in its storage, in frames that are filled for it, or in lines over these."""
        found = []
        for place, owner in self.owner.items():
            if owner == page and (page, place) not in self.former:
                found.append(self.version(("memory", place, word)))
                line = self.line(place, word)
                if line in self.valid:
                    found.append(self.version(("line", place, word)))
        return found

    def lost(self, page: int, word: int, before: list[Content]) -> bool:
        """Whether a version has no copy left that counts, and all that survive come before it."""
        if not self.references[page]:
            return False
        after = self.counting(page, word)
        place = self.where[page]
        kept = [version for version in after if version is not None]
        if place is None and not kept:
            return False  # nothing survives
        return any(
            version is not None and version not in after and all(self.before(other, version) for other in kept)
            for version in before
        )

    def read(self, actor: int, cell: Cell) -> None:
        page = self.owner[cell[1]]
        if page is None:
            return
        got, clock = self.version(cell), self.clocks[actor]
        for number, write in enumerate(self.writes):
            known = write.clock[write.actor] <= clock[write.actor]
            if (write.page, write.word) == (page, cell[2]) and known and self.before(got, (page, cell[2], number)):
                self.found.add("stale-read")

    def fill(self, line: tuple[int, int]) -> None:
        if line not in self.valid:
            self.valid.add(line)
            for word in self.lying(line):
                self.content["line", line[0], word] = self.content.get(("memory", line[0], word))

    def write_back(self, line: tuple[int, int]) -> None:
        if line in self.dirty:
            self.dirty.discard(line)
            for word in self.lying(line):
                self.content["memory", line[0], word] = self.version(("line", line[0], word))

    def forget(self, line: tuple[int, int]) -> None:
        self.valid.discard(line)
        self.dirty.discard(line)

    def perform(self, step: Step) -> set[str]:  # noqa: C901 - a table
        """The codes that the definitions state at this step."""
        self.found = set()
        owned = [(page, word) for page in (0, 1) for word in range(self.words)]
        before = {key: self.counting(*key) for key in owned}
        place, word, actor = step.source, step.word, step.actor
        page: int | None = step.page % 2
        written: tuple[int, int] | None = None
        match step.verb:
            case "load" | "dma_load":
                line = self.line(place, word) if step.verb == "load" else None
                if line is not None:
                    self.fill(line)
                self.read(actor, ("memory" if line is None else "line", place, word))
            case "store" | "dma_store":
                line = self.line(place, word) if step.verb == "store" else None
                if line is not None:
                    self.fill(line)
                    self.dirty.add(line)
                owner = self.owner[place]
                if owner is not None:
                    self.writes.append(Write(actor, self.tick(actor), owner, word))
                    new = (owner, word, len(self.writes) - 1)
                    self.content["memory" if line is None else "line", place, word] = new
                    written = owner, word
                    self.log.append(("write", owner, word, place, place))
                    if (owner, place) in self.former and self.lost(owner, word, [new]):
                        self.found.add("lost-write")
                elif line is not None:
                    self.content["line", place, word] = None
            case "copy":
                line = self.line(place, word)
                if line is not None:
                    self.fill(line)
                cell = ("memory" if line is None else "line", place, word)
                self.read(actor, cell)
                to = self.line(step.target, word)
                if to is not None:
                    self.fill(to)
                    self.dirty.add(to)
                self.content["memory" if to is None else "line", step.target, word] = self.version(cell)
                assert page is not None
                self.log.append(("copy", page, word, place, step.target))
            case "switch":
                assert page is not None
                new_place = None if word and step.source == 0 else step.target
                old = self.where[page]
                if new_place != old:
                    if new_place is not None and self.torn(page, new_place):
                        self.found.add("torn-copy")
                    self.where[page] = new_place
                    if old is not None and self.owner[old] == page:
                        self.former.add((page, old))
                    if new_place is not None:
                        self.former.discard((page, new_place))
                        self.log.append(("end", page, 0, new_place, new_place))
            case "alloc":
                self.owner[place] = page
            case "free":
                self.owner[place] = None
                self.former -= {(0, place), (1, place)}
                for cell in [cell for cell in self.content if cell[1] == place]:
                    self.content[cell] = None
                self.log.append(("end", 0, 0, place, place))
            case "clean" | "invalidate" | "flush" | "evict":
                line = place, word % -(-self.words // self.line_words)
                if step.verb != "invalidate":
                    self.write_back(line)
                if step.verb != "clean":
                    self.forget(line)
            case "prefetch":
                self.fill((place, word % -(-self.words // self.line_words)))
            case "release":
                self.syncs[word % 2] = joined(self.syncs[word % 2], self.clocks[actor])
            case "acquire":
                self.clocks[actor] = joined(self.syncs[word % 2], self.clocks[actor])
            case "put":
                self.references[step.page % 2] -= 1
            case verb:
                raise AssertionError(verb)
        for key in owned:
            if key != written and self.lost(*key, before[key]):
                self.found.add("lost-write")
        return self.found

    def torn(self, page: int, target: int) -> bool:
        """Whether a source word was written after its copy to ``target`` and before that of the last word."""
        done: set[int] = set()
        torn: set[int] = set()
        source = -1
        for verb, at, word, one, other in self.log:
            if verb == "end":
                if one == target:
                    torn.clear()
                if one in {target, source}:
                    done.clear()
            elif verb == "copy" and (at, other) == (page, target):
                if one != source or len(done) == self.words:
                    done.clear()
                source = one
                done.add(word)
                torn.discard(word)
            elif verb == "write" and (at, one) == (page, source) and word in done and len(done) < self.words:
                torn.add(word)
        return bool(torn)


def meant(made: list[Step | None], *, coherent: bool, line_words: int, words: int = 2) -> list[set[str]]:
    """What the definitions say of each step that was made."""
    reference = Reference(coherent, line_words, words)
    return [set() if step is None else reference.perform(step) for step in made]


VERBS = (
    "load", "store", "dma_load", "dma_store", "copy", "switch", "alloc", "free", "clean", "invalidate", "flush",
    "evict", "prefetch", "release", "acquire", "put",
)  # fmt: skip
verbs = st.sampled_from((*VERBS, "store", "copy", "copy", "load", "release", "acquire"))
small = st.integers(0, 1)
programs = st.lists(
    st.builds(
        Step, verbs, st.integers(0, ACTORS - 1), small, small, st.integers(0, len(PLACES) - 1), st.integers(0, 3)
    ),
    max_size=60,
)
