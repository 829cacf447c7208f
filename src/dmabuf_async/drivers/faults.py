"""What exporters have in common that let user space map their buffers: the fault handler of storage that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dmabuf_async.machine.locks import Mutex
    from dmabuf_async.machine.mm import Vma
    from dmabuf_async.protocol.mm import Fault


class UserMaps:
    """The callbacks for user mappings. ``lock`` is the buffer's lock, ``defects`` the exporter's."""

    lock: Mutex
    defects: frozenset[str]

    async def mmap(self, vma: Vma) -> None:
        """Allow it: whatever is mapped, the fault handler decides."""

    async def unmapping(self, vma: Vma) -> None:
        """Nothing to do: dirty or not, the storage keeps it."""

    async def fault(self, fault: Fault) -> str:
        """Insert the PTE of the page where it is, in one hold of the lock (P2); beyond the end is SIGBUS (P11)."""
        page = fault.page
        if page is None:
            return "sigbus"
        await self.lock.lock()
        place = await page.look()
        if place is None or not place.zone.visible:
            await self.lock.unlock()
            return "sigbus"
        await fault.insert(place, writable=fault.write, cached="cached-mmap" in self.defects)
        await self.lock.unlock()
        return "done"
