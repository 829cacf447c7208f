"""The state of a machine as tables of words, and what a step changes in them.

What is shown is what the dashboard shows: where each page is, who pins and maps it, what page tables, TLBs and devices
lead to, memory, and locks. Pure functions of snapshots.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from dmabuf_async.report.lanes import printable

if TYPE_CHECKING:
    from dmabuf_async.machine.snapshot import (
        ActorView,
        AttachmentView,
        BufferView,
        DeviceView,
        KmapView,
        LeadView,
        PageView,
        Snapshot,
        VmaView,
        ZoneView,
    )

_FREE: Final = 4
"""So many free places in a row are counted instead of named."""


class Cell(NamedTuple):
    """Some words, and whether a rule is broken, or about to be, by what they say."""

    words: str
    bad: bool = False


Row: TypeAlias = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of thing: a row for each that there ever is in an execution."""

    title: str
    heads: tuple[str, ...]
    names: tuple[str, ...]
    """Of the rows, unique, in the order in which they stand."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row is now another one."""

    table: int
    row: int
    cells: Row | None
    """None: there is no such thing any more."""


@dataclass(frozen=True, slots=True)
class States:
    """All states of an execution."""

    tables: tuple[Table, ...]
    """Without those in which there is never a row."""
    changes: tuple[tuple[Change, ...], ...]
    """All rows of the first state, and what is changed by each step after it."""

    def at(self, step: int) -> list[dict[int, Row]]:
        """For each table its rows after so many steps, by number."""
        rows: list[dict[int, Row]] = [{} for _ in self.tables]
        for changes in self.changes[: step + 1]:
            for change in changes:
                if change.cells is None:
                    del rows[change.table][change.row]
                else:
                    rows[change.table][change.row] = change.cells
        return rows


_TABLES: Final = (
    # By so many of its first cells a row is known from step to step.
    (1, "Actors", ("actor", "CPU", "state", "stands before", "holds")),
    (1, "Buffers", ("buffer", "exporter", "references", "lock")),
    (1, "Pages", ("page", "is in", "pinned by", "kernel maps", "takes as well")),
    (2, "Page tables and TLBs", ("mapping", "kept in", "part", "leads to")),
    (3, "Devices", ("device", "buffer", "what", "state")),
    (1, "Memory", ("zone", "in use", "place by place")),
    (1, "Locks, cells, counters", ("name", "kind", "held by, or value")),
)


def states(snapshots: Sequence[Snapshot]) -> States:
    """The states that the snapshots show, one after another."""
    seen = [_state(snapshot) for snapshot in snapshots]
    orders = [_merged(state[number] for state in seen) for number in range(len(_TABLES))]
    kept = [number for number, order in enumerate(orders) if order]
    before: list[dict[str, Row]] = [{} for _ in _TABLES]
    changes = []
    for state in seen:
        changed = []
        for place, number in enumerate(kept):
            old, new = before[number], state[number]
            for row, name in enumerate(orders[number]):
                if old.get(name) != new.get(name):
                    changed.append(Change(place, row, new.get(name)))
        changes.append(tuple(changed))
        before = state
    tables = tuple(Table(_TABLES[number][1], _TABLES[number][2], tuple(orders[number])) for number in kept)
    return States(tables, tuple(changes))


def _merged(tables: Iterable[dict[str, Row]]) -> list[str]:
    """The names of all rows; what is new stands behind what it stood behind when it came."""
    order: list[str] = []
    known: set[str] = set()
    for names in tables:
        at = 0
        for name in names:
            if name in known:
                at = order.index(name) + 1
            else:
                order.insert(at, name)
                known.add(name)
                at += 1
    return order


def _state(snapshot: Snapshot) -> list[dict[str, Row]]:
    """The rows of each of `_TABLES`."""
    found: list[dict[str, Row]] = []
    tables = (
        map(_actor, snapshot.actors),
        map(_buffer, snapshot.buffers),
        (_page(f"{buffer.name}[{at}]", page) for buffer in snapshot.buffers for at, page in enumerate(buffer.pages)),
        (row for vma in snapshot.vmas for row in _vma(vma)),
        (row for device in snapshot.devices for row in _device(device)),
        (_zone(zone) for zone in snapshot.zones if zone.total),
        (_row(view.name, view.kind, view.value or "free" * (view.kind in _LOCKS)) for view in snapshot.shared),
    )
    for (leading, *_), rows in zip(_TABLES, tables, strict=True):
        named: dict[str, Row] = {}
        for row in rows:
            named[_unique(" ".join(cell.words for cell in row[:leading]), named)] = row
        found.append(named)
    return found


_LOCKS: Final = frozenset({"mutex", "spinlock", "rwsem"})


def _unique(name: str, taken: dict[str, Row]) -> str:
    while name in taken:
        name += "'"
    return name


def _row(*cells: str | Cell) -> Row:
    return tuple(cell if isinstance(cell, Cell) else Cell(printable(cell)) for cell in cells)


def _listed(words: Iterable[str]) -> str:
    """Each once, with how often if it comes several times."""
    return ", ".join(f"{word} ({times} times)" if times > 1 else word for word, times in Counter(words).items())


def _actor(actor: ActorView) -> Row:
    holds = [
        f"locks {_listed(actor.locks)}" if actor.locks else "",
        f"pins {_listed(actor.pins)}" if actor.pins else "",
        f"maps {_listed(actor.kmaps)}" if actor.kmaps else "",
        "atomic" if actor.atomic else "",
    ]
    state = "deadlock" if actor.stuck and actor.state != "ended" else actor.state
    stands = f"waits for {actor.waits_for}" if actor.waits_for else actor.op
    if actor.state == "ended":
        stands = f"by {actor.failure}" if actor.failure else ""
    return _row(
        actor.name,
        "" if actor.cpu is None else f"cpu{actor.cpu}",
        Cell(state, state == "deadlock"),
        Cell(printable(stands), bool(actor.failure)),
        "; ".join(filter(None, holds)),
    )


def _buffer(buffer: BufferView) -> Row:
    references = str(buffer.references) if buffer.references else "none: released"
    lock = f"held by {buffer.lock}" if buffer.lock else "free"
    return _row(buffer.name, buffer.exporter or "none", references, lock)


def _page(name: str, page: PageView) -> Row:
    where = page.where or "nowhere"
    if page.where and page.newest < page.words:
        where += f", {page.newest} of {page.words} words newest"
    if page.dirty:
        where += f", {page.dirty} dirty line{'s' * (page.dirty > 1)}"
    kmaps = (_kmap(kmap) for kmap in page.kmaps)
    moves = (f"{move.place} ({move.words} of {page.words} words)" for move in page.moves)
    return _row(
        name,
        Cell(printable(where), not page.where),
        _listed(page.pins),
        Cell(printable(_listed(kmaps)), any(kmap.stale for kmap in page.kmaps)),
        ", ".join(moves),
    )


def _kmap(kmap: KmapView) -> str:
    stale = f", STALE: leads to {kmap.place or 'nothing'}" if kmap.stale else ""
    return f"{kmap.actor}{' atomic' * kmap.atomic}{stale}"


def _leads(entries: Sequence[LeadView]) -> Cell:
    """``[0] ram#2 wd``: writable, dirty."""
    said = (
        f"[{entry.page}] {entry.place} {'w' if entry.writable else 'r'}{'d' * entry.dirty}{', STALE' * entry.stale}"
        for entry in entries
    )
    return Cell(printable("; ".join(said)) or "nothing", any(entry.stale for entry in entries))


def _vma(vma: VmaView) -> Iterator[Row]:
    name = f"{vma.process} {vma.name}"
    part = vma.part if vma.mapped else f"{vma.part}, unmapped"
    yield _row(name, "page table", part, _leads(vma.ptes))
    for cpu, entries in vma.tlbs:
        yield _row(name, f"TLB of cpu{cpu}", part, _leads(entries))


def _device(device: DeviceView) -> Iterator[Row]:
    for attachment in device.attachments:
        yield from _attachment(device.name, attachment)


def _attachment(device: str, attachment: AttachmentView) -> Iterator[Row]:
    buffer = attachment.buffer
    state = f"mapped, {attachment.direction}" if attachment.direction else "not mapped"
    revoke = {"told": "; told to let go", "answered": "; has answered that it lets go"}.get(attachment.revoke, "")
    yield _row(device, buffer, f"attached by {attachment.actor}", f"{state}{revoke}")
    if attachment.ioptes:
        yield _row(device, buffer, "IO page table", _leads(attachment.ioptes))
    for engine, entries in enumerate(attachment.iotlbs):
        if entries:
            yield _row(device, buffer, f"IOTLB of engine {engine}", _leads(entries))
    for transfer in attachment.transfers:
        what = f"engine {transfer.engine} in flight"
        yield _row(
            device,
            buffer,
            what,
            f"{transfer.verb} page {transfer.page}, {transfer.left} of {transfer.words} words left",
        )


def _zone(zone: ZoneView) -> Row:
    owners = (*zone.owners, *("" for _ in range(zone.total - len(zone.owners))))
    parts = []
    for free, run in groupby(owners, lambda owner: not owner):
        places = list(run)
        if free and len(places) >= _FREE:
            parts.append(f"({len(places)} free)")
        else:
            parts += [owner or "free" for owner in places]
    full = ", full" if zone.used >= zone.total else ""
    return _row(zone.name, f"{zone.used} of {zone.total}{full}", " | ".join(parts))
