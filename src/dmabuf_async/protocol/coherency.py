"""Upkeep of the cache where a buffer passes between CPUs and devices (PROTOCOL 4, Caches).

On a coherent machine there is nothing to do, and no op is made. Else it is one op a line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dmabuf_async.machine.cache import Clean, Flush, Invalidate
from dmabuf_async.machine.memory import Place

if TYPE_CHECKING:
    from dmabuf_async.machine.kmap import Mapping
    from dmabuf_async.machine.machine import Machine

TO_DEVICE, FROM_DEVICE, BIDIRECTIONAL = "to_device", "from_device", "bidirectional"


async def upkeep(machine: Machine, op: type[Clean | Flush | Invalidate], at: Mapping | Place) -> None:
    """Do ``op`` to every line of a frame, or of the frame that a mapping leads to; none of it if that is uncached."""
    for number in range(len(at.lines) if isinstance(at, Place) else machine.sizes.lines):
        if not await op(at, number):
            break


async def sync_for_device(machine: Machine, places: Iterable[Place], direction: str) -> None:
    """map_dma_buf: TO_DEVICE cleans, FROM_DEVICE and BIDIRECTIONAL clean and invalidate."""
    if not machine.sizes.coherent:
        for place in places:
            await upkeep(machine, Clean if direction == TO_DEVICE else Flush, place)


async def sync_for_cpu(machine: Machine, places: Iterable[Place], direction: str) -> None:
    """unmap_dma_buf: FROM_DEVICE and BIDIRECTIONAL invalidate again, for what was prefetched meanwhile."""
    if not machine.sizes.coherent and direction != TO_DEVICE:
        for place in places:
            await upkeep(machine, Invalidate, place)
