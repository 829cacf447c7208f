"""Reclaim: what an allocation does that finds no memory (P12).

It runs in the task that allocates, which holds the lock of its own buffer. So it takes the lock of another one
by try-lock only, and skips what is pinned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dmabuf_async.drivers.movable import MovableExporter
    from dmabuf_async.machine.memory import Place, Zone
    from dmabuf_async.machine.storage import Page

TRIES: Final = 2
"""How often an allocation enters reclaim before it fails."""


async def allocate(zone: Zone, page: Page, asking: MovableExporter) -> Place:
    """A free place of ``zone`` for a page of the buffer of ``asking``; raises KernelError: ENOMEM or ENOSPC.

    If there is none, other buffers are moved out of the zone, one after the other until there is one.
    """
    for _ in range(TRIES):
        place: Place | None = await zone.try_alloc(page)
        if place is not None:
            return place
        if not await shrink(zone, asking):
            break
    last: Place = await zone.alloc(page)
    return last


async def shrink(zone: Zone, asking: MovableExporter) -> bool:
    """Move one buffer out of ``zone`` that can be moved now; whether there was one."""
    order = next((defect for defect in ("reclaim-takes-lock", "reclaim-ignores-pins") if defect in asking.defects), "")
    for buffer in asking.machine.buffers.values():
        evict = getattr(buffer.exporter, "evict", None)
        if evict is not None and buffer is not asking.buffer and await evict(zone, order or "reclaim"):
            return True
    return False
