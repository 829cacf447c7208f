"""P1 to P6, P9: no PTE and no TLB entry leads to a frame that is being moved, or that is not its page's any more.

PROTOCOL 4 says at which ops; where several codes apply at one step, the first of these is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dmabuf_async.checkers.base import Checker, Found
from dmabuf_async.machine.iommu import SetIopte
from dmabuf_async.machine.memory import Alloc, Place, Release, TryAlloc
from dmabuf_async.machine.paging import CopyPte, InsertPte
from dmabuf_async.machine.storage import CopyWord, Switch
from dmabuf_async.machine.tlb import UserLoad, UserStore, entry_of

if TYPE_CHECKING:
    from dmabuf_async.machine.actor import Actor
    from dmabuf_async.machine.machine import Machine
    from dmabuf_async.machine.paging import Pte
    from dmabuf_async.machine.translations import Translation


class Translations(Checker):
    """Judges whoever moves, switches, frees or reuses a frame by what leads to it, and whoever installs or uses that.

    A PTE that was read-only does not keep a move from copying; it has to be gone at the switch.
    """

    __slots__ = ()
    codes = ("mapped-while-moving", "stale-pte", "stale-tlb")
    ops = (CopyWord, InsertPte, CopyPte, SetIopte, Switch, Release, Alloc, TryAlloc, UserLoad, UserStore)

    def performed(self, machine: Machine, actor: Actor, op: Any, result: Any) -> Found | None:
        cls = op.__class__
        if cls is UserLoad or cls is UserStore:
            return None if result.__class__ is str else _used(actor, op)
        if cls is CopyWord:
            return _copied(actor, op) if op.begins else None
        if cls is InsertPte or cls is CopyPte:
            return _installed(actor, op.thing) if op.installs else None
        if cls is SetIopte:
            return _led(actor, op)
        if cls is Switch:
            left = op.left
            if left is None or left is op.place:
                return None
            return _stale(actor, left, f"switches {op.thing.name} away from {left.name}", "stale-pte")
        if cls is Release:
            return None if op.freed is None else _stale(actor, op.place, f"frees {op.place.name}")
        if isinstance(result, Place):
            return _stale(actor, result, f"takes {result.name} for {op.page.name}")
        return None


def _copied(actor: Actor, op: CopyWord) -> Found | None:
    """The first copy of a move."""
    source = op.source
    entries = _named(entry for entry, writable in source.rmap.entries if writable)
    if not entries:
        return None
    message = (
        f"{actor.name} begins to copy {op.thing.name} away from {source.name} while {_listed(entries)} may still be "
        "written through"
    )
    return Found("mapped-while-moving", "P2", message, actor, (source, *entries))


def _installed(actor: Actor, pte: Pte) -> Found | None:
    """A PTE was inserted, or copied by a fork."""
    place, page = pte.place, pte.page
    if place is None or page is None:
        return None  # beyond the buffer: bad-range
    if page.where is not place:
        message = f"{actor.name} makes {_said(pte)} lead to {place.name}, where {page.name} no longer is"
        return Found("stale-pte", "P2", message, actor, (place, pte))
    if place.rmap.moving is not None:
        message = f"{actor.name} makes {_said(pte)} lead to {place.name}, from which {page.name} is being moved"
        return Found("mapped-while-moving", "P2", message, actor, (place, pte))
    return None


def _led(actor: Actor, op: SetIopte) -> Found | None:
    """A device's page table was made to lead somewhere. Where its page no longer is, that is stale-iotlb."""
    pte, place = op.thing, op.place
    if place is None or pte.page.where is not place or place.rmap.moving is None:
        return None
    message = f"{actor.name} makes {_said(pte)} lead to {place.name}, from which {pte.page.name} is being moved"
    return Found("mapped-while-moving", "V14", message, actor, (place, pte))


def _stale(actor: Actor, place: Place, does: str, *codes: str) -> Found | None:
    """The frame is taken from what leads to it: PTEs first, else TLB entries whose PTE is gone already."""
    for code in codes or ("stale-pte", "stale-tlb"):
        entries = _named(entry for entry, _ in place.rmap.entries if code == entry.CODE)
        if entries:
            message = f"{actor.name} {does}, to which {_listed(entries)} still lead{'s' * (len(entries) == 1)}"
            return Found(code, "P1", message, actor, (place, *entries))
    return None


def _used(actor: Actor, op: UserLoad | UserStore) -> Found | None:
    """An access through a TLB entry."""
    pte = op.thing
    assert actor.cpu is not None
    entry = entry_of(pte, actor.cpu)
    place, page = entry.place, entry.page
    if place is None or page is None or not entry.stale():
        return None
    code = "stale-pte" if pte.place is place else "stale-tlb"
    verb = "stores to" if op.stores else "loads from"
    message = f"{actor.name} {verb} {place.name} through {_said(entry)}, where {page.name} no longer is"
    return Found(code, "P1", message, actor, (place, entry))


def _named(entries: Iterable[Translation]) -> list[Translation]:
    return sorted(entries, key=lambda entry: (entry.CODE, entry.name))


def _listed(entries: list[Translation]) -> str:
    return " and ".join(_said(entry) for entry in entries)


def _said(entry: Translation) -> str:
    return f"the {entry.KIND} entry {entry.name}" if entry.KIND != "pte" else f"the pte of {entry.name}"
